#include "engine/calibration/editable_layer.h"

#include <utility>

#include "engine/calibration/annotated_graph.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {

std::optional<EditableLayer> editable_layer(const Graph& original, const Graph& simplified,
                                            const Node& node) {
  std::optional<LayerGeometry> geometry = layer_geometry(simplified, node);
  if (!geometry) return std::nullopt;
  EditableLayer layer;
  for (const NodeId id : original.order())
    if (original.node(id).name == node.name && weighted_traits(original.node(id)) != nullptr)
      layer.original = id;
  if (layer.original == kNone) return std::nullopt;
  const Constant& stated = original.value(original.node(layer.original).inputs[1]).constant;
  if (!stated) return std::nullopt;
  layer.geometry = std::move(*geometry);
  layer.weights = stated.to_floats();
  if (corrected_before(original, layer.original)) return std::nullopt;
  layer.bias = stated_bias(original, layer.original, layer.geometry.channels());
  if (layer.bias.empty() || layer.weights != simplified.value(node.inputs[1]).constant.to_floats())
    return std::nullopt;
  return layer;
}

}  // namespace refcalib::engine
