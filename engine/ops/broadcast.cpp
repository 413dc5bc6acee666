#include "engine/ops/axis_maps.h"
#include "engine/ops/computed.h"
#include "engine/ops/infer.h"
#include "engine/ops/rearrange.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const Shape &from = in.shape(0), &to = attributes.as<BroadcastAttributes>().shape;
  bool fits = from.size() == to.size();
  for (std::size_t d = 0; fits && d < to.size(); ++d) fits = to[d] >= 0 && (from[d] == to[d] || from[d] == 1);
  require(fits, "cannot broadcast " + to_string(from) + " to " + to_string(to));
  return {{computed_type(in.dtype(0)), to}};
}

AxisMaps maps(const Attributes& attributes, const Shape& shape, const std::vector<std::int64_t>& strides) {
  const Shape& to = attributes.as<BroadcastAttributes>().shape;
  AxisMaps tables;
  for (std::size_t d = 0; d < to.size(); ++d) tables.push_back(kept(to[d], shape[d] == 1 ? 0 : strides[d]));
  return tables;
}

}  // namespace

extern const OpRecord broadcast_op;
const OpRecord broadcast_op{.name = "Broadcast",
                            .infer = infer,
                            .fold = fold_by_maps<maps, infer>,
                            .plan = plan_by_maps<maps>,
                            .rule = QuantizationRule::pass,
                            .any_layout = true};

}  // namespace refcalib::engine
