#include "engine/ops/axis_maps.h"
#include "engine/ops/infer.h"
#include "engine/ops/resize_taps.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require(attributes.as<ResizeAttributes>().mode == "nearest", "resizes by interpolation");
  return infer_resize(attributes, in);
}

AxisMaps maps(const Attributes& attributes, const Shape& shape, const std::vector<std::int64_t>& strides) {
  AxisMaps tables;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    tables.push_back(nearest_indices(attributes.as<ResizeAttributes>(), d, shape[d]));
    for (std::int64_t& index : tables.back()) index *= strides[d];
  }
  return tables;
}

}  // namespace

extern const OpRecord resize_nearest_op;
const OpRecord resize_nearest_op{.name = "ResizeNearest",
                                 .infer = infer,
                                 .fold = fold_by_maps<maps, infer>,
                                 .plan = plan_by_maps<maps>,
                                 .rule = QuantizationRule::pass,
                                 .any_layout = true};

}  // namespace refcalib::engine
