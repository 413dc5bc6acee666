#include "engine/ops/computed.h"
#include "engine/ops/indexing.h"
#include "engine/ops/infer.h"
#include "engine/ops/whole_tensor.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 3, 3);
  const auto& a = attributes.as<OneHotAttributes>();
  require(element_count(in.shape(1)) == 1 && element_count(in.shape(2)) == 1 && in.dtype(1) == in.dtype(2),
          "the on and off values are not single elements of one type");
  require(a.depth >= 1, "the depth is " + std::to_string(a.depth));
  Shape shape = in.shape(0);
  shape.insert(shape.begin() + normalize_axis(a.axis, shape.size() + 1), a.depth);
  return {{computed_type(in.dtype(1)), shape}};
}

void compute(const Attributes& attributes, std::span<const WholeInput> in, const WholeOutput& out) noexcept {
  const auto& a = attributes.as<OneHotAttributes>();
  const Dims indices = in[0].shape;
  const std::size_t axis = axis_index(a.axis, out.shape);
  const std::int64_t outer = product(indices, 0, axis), inner = product(indices, axis, indices.size());
  std::byte* to = out.data;
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t k = 0; k < a.depth; ++k)
      for (std::int64_t i = 0; i < inner; ++i, to += out.element_size())
        copy_elements(to, in[in[0].integer(o * inner + i) == k ? 1 : 2].data, 1, out.element_size());
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return fold_whole(attributes, in, infer(attributes, in).front(), compute);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_whole(node, context, "one_hot", compute);
}

}  // namespace

extern const OpRecord one_hot_op;
const OpRecord one_hot_op{.name = "OneHot", .infer = infer, .fold = fold, .plan = plan};

}  // namespace refcalib::engine
