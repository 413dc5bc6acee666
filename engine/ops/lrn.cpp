#include "engine/kernels/lrn/lrn.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/kernels/table.h"
#include "engine/ops/axis_view.h"
#include "engine/ops/element_block.h"
#include "engine/ops/infer.h"
#include "engine/ops/normalization.h"

namespace refcalib::engine {
namespace {

constexpr std::size_t kMaxRank = 8;
/// Longest half of a window that is summed in one go.
constexpr std::int64_t kMostHalf = 32;

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& a = attributes.as<LrnAttributes>();
  axis_flags(a.axes, in.shape(0).size());
  require(a.size >= 1, "normalizes over windows of " + std::to_string(a.size) + " elements");
  require(in.shape(0).size() <= kMaxRank, "normalizes a tensor of more than 8 dimensions");
  if (in.dtype(0) != DType::f32) throw UnsupportedError("normalization of integers is not supported");
  return {{DType::f32, in.shape(0)}};
}

/// Dimensions from the slowest to the fastest in memory, and the window along each (0: the element alone).
struct Bound {
  std::size_t rank = 0;
  std::array<std::int64_t, kMaxRank> dims{}, in_strides{}, out_strides{}, half{};
  float alpha = 0, beta = 0, bias = 0;
  const kernels::LrnKernels* table = nullptr;

  std::int64_t pieces() const noexcept { return (dims[rank - 1] + kElementBlock - 1) / kElementBlock; }
  std::int64_t units() const noexcept {
    std::int64_t rows = 1;
    for (std::size_t d = 0; d + 1 < rank; ++d) rows *= dims[d];
    return rows * pieces();
  }

  /// Adds the squares of the windows of elements [first, first + count) of one row; `row` is its beginning.
  void add_row(const float* row, float* s, std::int64_t first, std::int64_t count) const noexcept {
    const std::int64_t inner = dims[rank - 1], h = half[rank - 1];
    for (std::int64_t shift = -h; shift <= h; ++shift) {
      const std::int64_t begin = std::max(first, -shift), end = std::min(first + count, inner - shift);
      if (begin < end) table->square_sum(row + begin + shift, s + (begin - first), end - begin);
    }
  }

  /// Visits the rows of the window around `at`, the last of the outer dimensions fastest.
  void add_window(const float* p, std::size_t d, const std::array<std::int64_t, kMaxRank>& at, float* s,
                  std::int64_t first, std::int64_t count) const noexcept {
    if (d + 1 == rank) return add_row(p, s, first, count);
    const std::int64_t begin = std::max<std::int64_t>(at[d] - half[d], 0);
    const std::int64_t end = std::min(at[d] + half[d] + 1, dims[d]);
    for (std::int64_t i = begin; i < end; ++i) add_window(p + i * in_strides[d], d + 1, at, s, first, count);
  }

  /// The window is a piece of a row: its elements with their neighbours, zeros beyond the row's ends.
  void run_row(const float* row, float* y, std::int64_t first, std::int64_t count) const noexcept {
    float block[kElementBlock + 2 * kMostHalf];
    const std::int64_t h = half[rank - 1], inner = dims[rank - 1];
    const std::int64_t from = std::max<std::int64_t>(first - h, 0),
                       until = std::min(first + count + h, inner);
    float* const to = block + kMostHalf;  // stands for element `first`
    std::fill(to - h, to + (from - first), 0.0F);
    std::copy(row + from, row + until, to + (from - first));
    std::fill(to + (until - first), to + count + h, 0.0F);
    table->row(to, h, y, count, alpha, beta, bias);
  }

  bool within_rows() const noexcept {
    return half[rank - 1] <= kMostHalf &&
           std::all_of(half.begin(), half.begin() + static_cast<std::ptrdiff_t>(rank) - 1,
                       [](std::int64_t h) { return h == 0; });
  }

  void run(const float* x, float* y, std::int64_t begin, std::int64_t end) const noexcept {
    float s[kElementBlock];
    const bool one_row = within_rows();
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t first = unit % pieces() * kElementBlock;
      const std::int64_t count = std::min(kElementBlock, dims[rank - 1] - first);
      std::array<std::int64_t, kMaxRank> at{};
      std::int64_t rest = unit / pieces(), from = first, to = first;
      for (std::size_t d = rank - 1; d-- > 0;) {
        at[d] = rest % dims[d];
        rest /= dims[d];
        from += at[d] * in_strides[d];
        to += at[d] * out_strides[d];
      }
      if (one_row) {
        run_row(x + from - first, y + to, first, count);
        continue;
      }
      std::fill_n(s, count, 0.0F);
      add_window(x, 0, at, s, first, count);
      table->scale(x + from, s, y + to, count, alpha, beta, bias);
    }
  }
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<LrnAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const std::vector<bool> axes = axis_flags(a.axes, in.shape.size());
  const std::vector<std::int64_t> from = element_strides(in), to = element_strides(out);
  Bound bound;
  bound.table = &kernels::select(kernels::lrn_kernels(), context.isa());
  double divisor = 1;
  for (const std::size_t d : memory_order(in)) {
    if (axes[d]) divisor *= static_cast<double>(a.size);
    bound.dims[bound.rank] = in.shape[d];
    bound.in_strides[bound.rank] = from[d];
    bound.out_strides[bound.rank] = to[d];
    bound.half[bound.rank++] = axes[d] ? std::min((a.size - 1) / 2, in.shape[d]) : 0;
  }
  if (bound.rank == 0) bound.dims[bound.rank++] = 1;
  bound.alpha = static_cast<float>(a.alpha / divisor);
  bound.beta = static_cast<float>(a.beta);
  bound.bias = static_cast<float>(a.bias);
  return make_step(bound.table->name, [bound, x = in.where, y = out.where](const RunContext& c) noexcept {
    const auto* input = reinterpret_cast<const float*>(c.read(x));
    auto* output = reinterpret_cast<float*>(c.write(y));
    c.team.parallel_for(
        bound.units(), row_grain(std::min(kElementBlock, bound.dims[bound.rank - 1]) * 4),
        [&](std::int64_t begin, std::int64_t end, int) { bound.run(input, output, begin, end); });
  });
}

}  // namespace

extern const OpRecord lrn_op;
const OpRecord lrn_op{.name = "Lrn", .infer = infer, .plan = plan, .any_layout = true};

}  // namespace refcalib::engine
