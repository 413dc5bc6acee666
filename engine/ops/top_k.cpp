#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/ops/axis_view.h"
#include "engine/ops/element_block.h"
#include "engine/ops/infer.h"
#include "engine/ops/sorting.h"

namespace refcalib::engine {
namespace {

DType index_type(const TopKAttributes& a) {
  require(a.index_type == "i32" || a.index_type == "i64",
          "index type '" + a.index_type + "' is not i32 or i64");
  return a.index_type == "i32" ? DType::i32 : DType::i64;
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& a = attributes.as<TopKAttributes>();
  Shape shape = in.shape(0);
  std::int64_t& dim = shape[static_cast<std::size_t>(normalize_axis(a.axis, shape.size()))];
  require(a.k >= 1 && a.k <= dim,
          "takes " + std::to_string(a.k) + " of the " + std::to_string(dim) + " elements along its axis");
  require(dim <= INT32_MAX, "has too many elements along its axis");
  dim = a.k;
  return {{in.dtype(0), shape}, {index_type(a), shape}};
}

/// A number whose order is that of the elements: ascending for the smallest, descending for the largest. Zeros of both
/// signs are equal.
std::int64_t key_of(float value, bool largest) noexcept {
  const auto bits = std::bit_cast<std::int32_t>(value + 0.0F);
  const std::int32_t ordered = value != value ? INT32_MAX : bits < 0 ? bits ^ INT32_MAX : bits;
  return largest ? -std::int64_t{ordered} : ordered;
}
std::int64_t key_of(std::int64_t value, bool largest) noexcept {
  return largest ? ~value : value;
}

struct Candidate {
  std::int64_t key;
  std::int64_t position;
};
bool better(const Candidate& a, const Candidate& b) noexcept {
  return a.key != b.key ? a.key < b.key : a.position < b.position;
}

struct Bound {
  AxisView view;  ///< of input and values
  std::int64_t k = 1;
  bool largest = true, sort_by_value = true;
  DType dtype = DType::f32, index = DType::i32;

  template <class T>
  void load(const std::byte* p, std::int64_t first, std::int64_t count, Candidate* to) const noexcept {
    T values[kElementBlock];
    load_block(dtype, p + first * view.in_stride * static_cast<std::int64_t>(size_of(dtype)), view.in_stride,
               count, values);
    for (std::int64_t i = 0; i < count; ++i) to[i] = {key_of(values[i], largest), first + i};
  }

  /// The k best of one vector in front of `candidates`, in the order asked for.
  void choose(const std::byte* p, Candidate* candidates) const noexcept {
    if (k == 1) {
      Candidate block[kElementBlock];
      candidates[0] = {INT64_MAX, INT64_MAX};
      for (std::int64_t first = 0; first < view.n; first += kElementBlock) {
        const std::int64_t count = std::min(kElementBlock, view.n - first);
        fill(p, first, count, block);
        for (std::int64_t i = 0; i < count; ++i)
          if (better(block[i], candidates[0])) candidates[0] = block[i];
      }
      return;
    }
    for (std::int64_t first = 0; first < view.n; first += kElementBlock)
      fill(p, first, std::min(kElementBlock, view.n - first), candidates + first);
    std::partial_sort(candidates, candidates + k, candidates + view.n, better);
    if (!sort_by_value)
      std::sort(candidates, candidates + k,
                [](const Candidate& a, const Candidate& b) { return a.position < b.position; });
  }

  void fill(const std::byte* p, std::int64_t first, std::int64_t count, Candidate* to) const noexcept {
    if (is_float(dtype))
      load<float>(p, first, count, to);
    else
      load<std::int64_t>(p, first, count, to);
  }

  /// Vector number `unit` of rest x outer x inner.
  void run(std::int64_t unit, const std::byte* in, std::byte* values, std::byte* indices,
           Candidate* candidates) const noexcept {
    const std::int64_t column = unit % view.inner, row = unit / view.inner % view.outer;
    const auto offset = view.rest.at(unit / (view.inner * view.outer));
    const auto size = static_cast<std::int64_t>(size_of(dtype));
    const std::byte* const from = in + (offset.from + row * view.in_outer_stride + column) * size;
    const std::int64_t to = offset.to + row * view.out_outer_stride + column;
    choose(from, candidates);
    for (std::int64_t i = 0; i < k; ++i) {
      const std::int64_t at = to + i * view.out_stride;
      std::memcpy(values + at * size, from + candidates[i].position * view.in_stride * size,
                  static_cast<std::size_t>(size));
      store_block(index, indices + at * static_cast<std::int64_t>(size_of(index)), 0, 1,
                  &candidates[i].position);
    }
  }
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<TopKAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const TensorRef places = context.tensor(node.outputs[1]);
  // An axis of one element has no stride of its own; the view then begins at any other.
  const Bound bound{axis_view(in, out, axis_flags({a.axis}, in.shape.size())).value(),
                    a.k,
                    a.largest,
                    a.sort_by_value,
                    in.dtype,
                    places.dtype};
  const std::size_t scratch = scratch_for(a.k == 1 ? 1 : bound.view.n, sizeof(Candidate));
  return make_step(
      "top_k",
      [bound, x = in.where, y = out.where, z = places.where](const RunContext& c) noexcept {
        const std::byte* from = c.read(x);
        std::byte *values = c.write(y), *indices = c.write(z);
        c.team.parallel_for(bound.view.rest.count() * bound.view.outer * bound.view.inner, 16,
                            [&](std::int64_t begin, std::int64_t end, int member) {
                              auto* candidates = reinterpret_cast<Candidate*>(c.scratch_of(member));
                              for (std::int64_t unit = begin; unit < end; ++unit)
                                bound.run(unit, from, values, indices, candidates);
                            });
      },
      scratch);
}

}  // namespace

extern const OpRecord top_k_op;
const OpRecord top_k_op{.name = "TopK", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
