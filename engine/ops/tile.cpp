#include "engine/ops/axis_maps.h"
#include "engine/ops/computed.h"
#include "engine/ops/infer.h"
#include "engine/ops/rearrange.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& repeats = attributes.as<TileAttributes>().repeats;
  Shape shape = in.shape(0);
  require(repeats.size() == shape.size(), "has one repetition count per dimension of another shape");
  for (std::size_t d = 0; d < shape.size(); ++d) {
    require(repeats[d] >= 0, "repeats a dimension " + std::to_string(repeats[d]) + " times");
    shape[d] = element_count({shape[d], repeats[d]});
  }
  return {{computed_type(in.dtype(0)), shape}};
}

AxisMaps maps(const Attributes& attributes, const Shape& shape, const std::vector<std::int64_t>& strides) {
  const auto& repeats = attributes.as<TileAttributes>().repeats;
  AxisMaps tables(shape.size());
  for (std::size_t d = 0; d < shape.size(); ++d)
    for (std::int64_t i = 0; i < shape[d] * repeats[d]; ++i) tables[d].push_back(i % shape[d] * strides[d]);
  return tables;
}

}  // namespace

extern const OpRecord tile_op;
const OpRecord tile_op{.name = "Tile",
                       .infer = infer,
                       .fold = fold_by_maps<maps, infer>,
                       .plan = plan_by_maps<maps>,
                       .rule = QuantizationRule::pass,
                       .any_layout = true};

}  // namespace refcalib::engine
