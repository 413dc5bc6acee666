#include "engine/ops/axis_maps.h"
#include "engine/ops/computed.h"
#include "engine/ops/infer.h"
#include "engine/ops/rearrange.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  require(attributes.as<RollAttributes>().shift.size() == in.shape(0).size(),
          "has one shift per dimension of another shape");
  return {{computed_type(in.dtype(0)), in.shape(0)}};
}

AxisMaps maps(const Attributes& attributes, const Shape& shape, const std::vector<std::int64_t>& strides) {
  const auto& shift = attributes.as<RollAttributes>().shift;
  AxisMaps tables(shape.size());
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) continue;
    const std::int64_t first = ((-(shift[d] % shape[d])) + shape[d]) % shape[d];
    for (std::int64_t i = 0; i < shape[d]; ++i) tables[d].push_back((first + i) % shape[d] * strides[d]);
  }
  return tables;
}

}  // namespace

extern const OpRecord roll_op;
const OpRecord roll_op{.name = "Roll",
                       .infer = infer,
                       .fold = fold_by_maps<maps, infer>,
                       .plan = plan_by_maps<maps>,
                       .rule = QuantizationRule::pass,
                       .any_layout = true};

}  // namespace refcalib::engine
