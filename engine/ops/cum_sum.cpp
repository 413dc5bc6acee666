#include "engine/ops/element_block.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/sorting.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  normalize_axis(attributes.as<CumSumAttributes>().axis, in.shape(0).size());
  return {{in.dtype(0), in.shape(0)}};
}

float sum(float a, float b) noexcept {
  return a + b;
}
std::int64_t sum(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

struct Bound {
  std::int64_t n = 1, inner = 1;
  bool exclusive = false, reverse = false;
  DType dtype = DType::f32;

  /// Columns [first, first + count) of one outer index.
  template <class T>
  void run(const std::byte* in, std::byte* out, std::int64_t first, std::int64_t count) const noexcept {
    T total[kElementBlock] = {}, x[kElementBlock];
    const auto size = static_cast<std::int64_t>(size_of(dtype));
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t at = ((reverse ? n - 1 - i : i) * inner + first) * size;
      load_block(dtype, in + at, 1, count, x);
      if (exclusive) store_block(dtype, out + at, 1, count, total);
      for (std::int64_t j = 0; j < count; ++j) total[j] = sum(total[j], x[j]);
      if (!exclusive) store_block(dtype, out + at, 1, count, total);
    }
  }
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<CumSumAttributes>();
  const TensorRef out = context.tensor(node.outputs[0]), in = context.tensor(node.inputs[0], out.dtype);
  const auto axis = static_cast<std::size_t>(normalize_axis(a.axis, in.shape.size()));
  const Bound bound{in.shape[axis], plain_strides(in.shape)[axis], a.exclusive, a.reverse, out.dtype};
  const std::int64_t blocks = (bound.inner + kElementBlock - 1) / kElementBlock;
  const std::int64_t outer = in.count() / (bound.n * bound.inner);
  return make_step("cum_sum", [=, x = in.where, y = out.where](const RunContext& c) noexcept {
    const std::byte* from = c.read(x);
    std::byte* to = c.write(y);
    c.team.parallel_for(outer * blocks, 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t unit = begin; unit < end; ++unit) {
        const std::int64_t first = unit % blocks * kElementBlock;
        const std::int64_t base =
            unit / blocks * bound.n * bound.inner * static_cast<std::int64_t>(size_of(bound.dtype));
        const std::int64_t count = bound.inner - first < kElementBlock ? bound.inner - first : kElementBlock;
        if (is_float(bound.dtype))
          bound.run<float>(from + base, to + base, first, count);
        else
          bound.run<std::int64_t>(from + base, to + base, first, count);
      }
    });
  });
}

}  // namespace

extern const OpRecord cum_sum_op;
const OpRecord cum_sum_op{.name = "CumSum", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
