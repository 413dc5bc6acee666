#include "engine/ops/infer.h"
#include "engine/ops/scatter.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const OutputType type = scattered_type(in);
  const auto axis =
      static_cast<std::size_t>(normalize_axis(attributes.as<ScatterAttributes>().axis, type.shape.size()));
  const std::int64_t outer = product(type.shape, 0, axis),
                     inner = product(type.shape, axis + 1, type.shape.size());
  require(element_count(in.shape(2)) == element_count({outer, element_count(in.shape(1)), inner}),
          "updates of shape " + to_string(in.shape(2)) + " do not fit data " + to_string(type.shape) +
              " and indices " + to_string(in.shape(1)));
  return {type};
}

void compute(const Attributes& attributes, std::span<const WholeInput> in, const WholeOutput& out) noexcept {
  const auto axis = axis_index(attributes.as<ScatterAttributes>().axis, out.shape);
  const Dims data = out.shape;
  const std::int64_t outer = product(data, 0, axis), dim = data[axis],
                     inner = product(data, axis + 1, data.size()),
                     count = product(in[1].shape, 0, in[1].shape.size());
  const std::size_t size = out.element_size();
  const auto bytes = inner * static_cast<std::int64_t>(size);
  copy_elements(out.data, in[0].data, outer * dim * inner, size);
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t k = 0; k < count; ++k) {
      const std::int64_t index = wrapped(in[1].integer(k), dim);
      if (index >= 0)
        copy_elements(out.data + (o * dim + index) * bytes, in[2].data + (o * count + k) * bytes, inner,
                      size);
    }
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return fold_whole(attributes, in, infer(attributes, in).front(), compute);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_whole(node, context, "scatter_update", compute);
}

}  // namespace

extern const OpRecord scatter_update_op;
const OpRecord scatter_update_op{.name = "ScatterUpdate", .infer = infer, .fold = fold, .plan = plan};

}  // namespace refcalib::engine
