#include "engine/formats/ir/layer_editor.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/text.h"
#include "engine/graph/constant.h"

namespace refcalib::engine::ir {
namespace {

std::string join(const Shape& shape) {
  std::string text;
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i != 0 ? "," : "") + std::to_string(shape[i]);
  return text;
}

PortRef add_port(Layer& layer, std::vector<Port>& list, const std::string& precision, const Shape& dims) {
  Port port;
  port.id = static_cast<int>(layer.inputs.size() + layer.outputs.size());
  port.precision = precision;
  port.dims = dims;
  list.push_back(std::move(port));
  return {layer.id, list.back().id};
}

}  // namespace

LayerEditor::LayerEditor(Document& document) : document_(document) {
  for (const Layer& layer : document.layers) {
    names_.insert(layer.name);
    if (layer.id == std::numeric_limits<int>::max())
      throw UnsupportedError("no layer id is left for new layers",
                             {document.xml_path.string(), layer.name, ""});
    next_id_ = std::max(next_id_, layer.id + 1);
  }
}

Layer* LayerEditor::find(std::string_view name) noexcept {
  for (Layer& layer : document_.layers)
    if (layer.name == name) return &layer;
  return nullptr;
}

Layer& LayerEditor::layer(int id) {
  for (Layer& layer : document_.layers)
    if (layer.id == id) return layer;
  throw Error("internal: layer " + std::to_string(id) + " does not exist");
}

PortRef LayerEditor::source(const Layer& layer, std::size_t rank) const {
  if (rank < layer.inputs.size())
    for (const Edge& edge : document_.edges)
      if (edge.to_layer == layer.id && edge.to_port == layer.inputs[rank].id)
        return {edge.from_layer, edge.from_port};
  throw FormatError("input " + std::to_string(rank) + " is missing", {"", layer.name, ""});
}

std::vector<PortRef> LayerEditor::readers(PortRef output) const {
  std::vector<PortRef> result;
  for (const Edge& edge : document_.edges)
    if (edge.from_layer == output.layer && edge.from_port == output.port)
      result.push_back({edge.to_layer, edge.to_port});
  return result;
}

const Port& LayerEditor::output_port(PortRef output) {
  for (const Port& port : layer(output.layer).outputs)
    if (port.id == output.port) return port;
  throw Error("internal: output port " + std::to_string(output.port) + " does not exist");
}

std::string LayerEditor::unique_name(const std::string& wanted) const {
  std::string name = wanted;
  for (int number = 2; names_.contains(name); ++number) name = wanted + "_" + std::to_string(number);
  return name;
}

Layer& LayerEditor::place(int behind, Layer layer) {
  const auto found = std::find_if(document_.layers.begin(), document_.layers.end(),
                                  [behind](const Layer& candidate) { return candidate.id == behind; });
  const auto at = found == document_.layers.end() ? found : found + 1;
  return *document_.layers.insert(at, std::move(layer));
}

Layer& LayerEditor::insert(int behind, const std::string& name, const std::string& type) {
  Layer layer;
  layer.id = next_id_++;
  layer.name = unique_name(name);
  layer.type = type;
  layer.version = "opset1";
  names_.insert(layer.name);
  return place(behind, std::move(layer));
}

Layer LayerEditor::make_constant(const std::string& name, DType type, const Shape& shape,
                                 std::span<const std::byte> bytes) {
  const Blob blob = document_.append("constant", bytes);
  Layer layer;
  layer.id = next_id_++;
  layer.name = unique_name(name);
  layer.type = "Const";
  layer.version = "opset1";
  layer.set_attribute("element_type", std::string(to_string(type)));
  layer.set_attribute("shape", join(shape));
  layer.set_attribute("offset", std::to_string(blob.offset));
  layer.set_attribute("size", std::to_string(blob.size));
  names_.insert(layer.name);
  add_output(layer, std::string(port_precision(type)), shape);
  return layer;
}

PortRef LayerEditor::insert_constant(int behind, const std::string& name, DType type, const Shape& shape,
                                     std::span<const float> values) {
  if (type == DType::f16) {
    std::vector<std::uint16_t> halves;
    for (const float value : values) halves.push_back(float_to_half(value));
    return {place(behind, make_constant(name, type, shape, std::as_bytes(std::span(halves)))).id, 0};
  }
  return {place(behind, make_constant(name, DType::f32, shape, std::as_bytes(values))).id, 0};
}

PortRef LayerEditor::insert_constant(int behind, const std::string& name, const Shape& shape,
                                     std::span<const std::int64_t> values) {
  return {place(behind, make_constant(name, DType::i64, shape, std::as_bytes(values))).id, 0};
}

PortRef LayerEditor::insert_constant(int behind, const std::string& name, DType type, const Shape& shape,
                                     std::span<const std::byte> bytes) {
  return {place(behind, make_constant(name, type, shape, bytes)).id, 0};
}

PortRef LayerEditor::add_input(Layer& layer, const std::string& precision, const Shape& dims) {
  return add_port(layer, layer.inputs, precision, dims);
}

PortRef LayerEditor::add_output(Layer& layer, const std::string& precision, const Shape& dims) {
  return add_port(layer, layer.outputs, precision, dims);
}

void LayerEditor::connect(PortRef output, PortRef input) {
  document_.edges.push_back({output.layer, output.port, input.layer, input.port});
}

void LayerEditor::reconnect(PortRef input, PortRef output) {
  for (Edge& edge : document_.edges)
    if (edge.to_layer == input.layer && edge.to_port == input.port) {
      edge.from_layer = output.layer;
      edge.from_port = output.port;
    }
}

void LayerEditor::remove_layer(int id) {
  std::erase_if(document_.edges,
                [id](const Edge& edge) { return edge.from_layer == id || edge.to_layer == id; });
  std::erase_if(document_.layers, [&](const Layer& layer) {
    if (layer.id != id) return false;
    names_.erase(layer.name);
    return true;
  });
}

void LayerEditor::remove_unread_constants() {
  bool changed = true;
  while (changed) {
    std::set<int> read;
    for (const Edge& edge : document_.edges) read.insert(edge.from_layer);
    std::vector<int> unread;
    for (const Layer& layer : document_.layers) {
      const bool movable =
          equal_ignoring_case(layer.type, "Const") || equal_ignoring_case(layer.type, "Convert");
      if (movable && !read.contains(layer.id)) unread.push_back(layer.id);
    }
    for (const int id : unread) remove_layer(id);
    changed = !unread.empty();
  }
}

}  // namespace refcalib::engine::ir
