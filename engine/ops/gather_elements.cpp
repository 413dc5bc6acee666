#include "engine/ops/computed.h"
#include "engine/ops/indexing.h"
#include "engine/ops/infer.h"
#include "engine/ops/whole_tensor.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 2);
  const Shape &data = in.shape(0), &indices = in.shape(1);
  const auto axis =
      static_cast<std::size_t>(normalize_axis(attributes.as<GatherElementsAttributes>().axis, data.size()));
  bool fits = data.size() == indices.size();
  for (std::size_t d = 0; fits && d < data.size(); ++d) fits = d == axis || data[d] == indices[d];
  require(fits,
          "data " + to_string(data) + " and indices " + to_string(indices) + " differ outside the axis");
  return {{computed_type(in.dtype(0)), indices}};
}

void compute(const Attributes& attributes, std::span<const WholeInput> in, const WholeOutput& out) noexcept {
  const auto axis = axis_index(attributes.as<GatherElementsAttributes>().axis, in[0].shape);
  const Dims data = in[0].shape;
  const std::int64_t outer = product(data, 0, axis), dim = data[axis],
                     inner = product(data, axis + 1, data.size()), count = in[1].shape[axis];
  const std::size_t size = out.element_size();
  std::byte* to = out.data;
  std::int64_t at = 0;
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t k = 0; k < count; ++k)
      for (std::int64_t i = 0; i < inner; ++i, ++at, to += size) {
        const std::int64_t index = wrapped(in[1].integer(at), dim);
        const std::byte* from =
            index < 0 ? out.zero.data()
                      : in[0].data + ((o * dim + index) * inner + i) * static_cast<std::int64_t>(size);
        copy_elements(to, from, 1, size);
      }
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return fold_whole(attributes, in, infer(attributes, in).front(), compute);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_whole(node, context, "gather_elements", compute);
}

}  // namespace

extern const OpRecord gather_elements_op;
const OpRecord gather_elements_op{
    .name = "GatherElements", .infer = infer, .fold = fold, .plan = plan, .rule = QuantizationRule::pass};

}  // namespace refcalib::engine
