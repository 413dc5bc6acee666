#include "engine/formats/ir/opset_builder.h"

#include <algorithm>
#include <memory>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/opset_layers.h"

namespace refcalib::engine::ir {
namespace {

constexpr int kVersion = 11;

std::string opset_name(int number) {
  return "opset" + std::to_string(number);
}

}  // namespace

std::string format_integers(std::span<const std::int64_t> values) {
  std::string text;
  for (const std::int64_t value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
  return text;
}

OpsetBuilder::OpsetBuilder(std::string name, std::filesystem::path file) : graph_(name) {
  document_.name = std::move(name);
  document_.xml_path = file;
  document_.bin_path = std::move(file);
  document_.version = kVersion;
}

std::string OpsetBuilder::unique_name(const std::string& wanted) const {
  const auto taken = [&](const std::string& name) {
    return names_.contains(name) || reserved_.contains(name);
  };
  std::string name = wanted;
  for (int number = 1; taken(name); ++number) name = wanted + "_" + std::to_string(number);
  return name;
}

Layer OpsetBuilder::make_layer(OpsetType type, const std::string& name, AttributeTexts attributes,
                               const std::vector<ValueId>& inputs, std::size_t output_count) const {
  Layer layer;
  layer.id = static_cast<int>(document_.layers.size());
  layer.name = name;
  layer.type = type.type;
  layer.version = opset_name(type.opset);
  layer.attributes = std::move(attributes);
  int port = 0;
  for (const ValueId id : inputs) {
    Port in;
    in.id = port++;
    in.precision = port_precision(dtype(id));
    in.dims = value(id).shape;
    layer.inputs.push_back(std::move(in));
  }
  for (std::size_t k = 0; k < output_count; ++k) {
    Port out;
    out.id = port++;
    layer.outputs.push_back(std::move(out));
  }
  return layer;
}

std::vector<ValueId> OpsetBuilder::translate(const Layer& layer, const std::vector<ValueId>& inputs) {
  const OpsetLayer* found = find_opset_layer(layer.type, layer.version);
  if (found == nullptr)
    throw Error("internal: no layer " + layer.type + " in " + layer.version, {"", layer.name, ""});
  return in_context({"", layer.name, ""}, [&] {
    LayerReader reader(document_, layer, graph_, inputs);
    found->read(reader);
    return reader.outputs();
  });
}

OpsetBuilder::Place OpsetBuilder::place_of(ValueId id) {
  if (const auto found = places_.find(id); found != places_.end()) return found->second;
  const Value& source = value(id);
  if (!source.constant) throw Error("internal: a value without a layer", {"", source.name, ""});
  const Constant& constant = source.constant;
  const Blob blob = document_.append("value", constant.bytes());
  Layer layer = make_layer({"Const", 1}, unique_name(source.name),
                           {{"element_type", std::string(to_string(constant.dtype()))},
                            {"shape", format_integers(constant.shape())},
                            {"offset", std::to_string(blob.offset)},
                            {"size", std::to_string(blob.size)}},
                           {}, 1);
  append(std::move(layer), {}, {id});
  return places_.at(id);
}

/// Puts a layer, behind the constants that it reads, into the document.
void OpsetBuilder::append(Layer layer, const std::vector<ValueId>& inputs,
                          const std::vector<ValueId>& outputs) {
  std::vector<Place> sources;
  for (const ValueId id : inputs) sources.push_back(place_of(id));
  layer.id = static_cast<int>(document_.layers.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    document_.edges.push_back({sources[i].layer, sources[i].port, layer.id, layer.inputs[i].id});
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    layer.outputs[k].precision = port_precision(dtype(outputs[k]));
    layer.outputs[k].dims = value(outputs[k]).shape;
    places_.emplace(outputs[k], Place{layer.id, layer.outputs[k].id});
  }
  names_.insert(layer.name);
  document_.layers.push_back(std::move(layer));
}

bool OpsetBuilder::keeps_stored(OpsetType type, const std::vector<ValueId>& inputs) const {
  return type.type == "Reshape" && !inputs.empty() && stored_.contains(inputs.front());
}

std::vector<ValueId> OpsetBuilder::add(OpsetType type, const std::string& name, AttributeTexts attributes,
                                       std::vector<ValueId> inputs, std::size_t output_count) {
  Layer layer = make_layer(type, name, std::move(attributes), inputs, output_count);
  std::vector<ValueId> outputs = translate(layer, inputs);
  const bool folded = std::all_of(outputs.begin(), outputs.end(),
                                  [&](ValueId id) { return static_cast<bool>(value(id).constant); });
  if (folded && !keeps_stored(type, inputs)) return outputs;
  if (folded) stored_.insert(outputs.begin(), outputs.end());
  layer.outputs.resize(std::min(layer.outputs.size(), outputs.size()));
  append(std::move(layer), inputs, outputs);
  return outputs;
}

ValueId OpsetBuilder::helper(OpsetType type, const std::string& name, AttributeTexts attributes,
                             std::vector<ValueId> inputs) {
  return add(type, unique_name(name), std::move(attributes), std::move(inputs)).front();
}

ValueId OpsetBuilder::stored(OpsetType type, const std::string& name, AttributeTexts attributes,
                             std::vector<ValueId> inputs) {
  Layer layer = make_layer(type, unique_name(name), std::move(attributes), inputs, 1);
  const std::vector<ValueId> outputs = translate(layer, inputs);
  stored_.insert(outputs.begin(), outputs.end());
  append(std::move(layer), inputs, outputs);
  return outputs.front();
}

ValueId OpsetBuilder::input(const std::string& name, DType type, Shape shape) {
  Layer layer =
      make_layer({"Parameter", 1}, name,
                 {{"shape", format_integers(shape)}, {"element_type", std::string(to_string(type))}}, {}, 1);
  const std::vector<ValueId> outputs = translate(layer, {});
  append(std::move(layer), {}, outputs);
  return outputs.front();
}

void OpsetBuilder::output(ValueId id) {
  Layer layer = make_layer({"Result", 1}, unique_name(value(id).name + "/sink_port_0"), {}, {id}, 0);
  append(std::move(layer), {id}, {});
}

std::string OpsetBuilder::layer_of(ValueId id) const {
  const auto found = places_.find(id);
  if (found == places_.end() || value(id).constant) return {};
  const Layer& layer = document_.layers[static_cast<std::size_t>(found->second.layer)];
  return layer.outputs.size() == 1 && layer.type != "Parameter" ? layer.name : std::string();
}

std::string OpsetBuilder::type_of(ValueId id) const {
  const auto found = places_.find(id);
  if (found == places_.end() || value(id).constant) return {};
  return document_.layers[static_cast<std::size_t>(found->second.layer)].type;
}

Document OpsetBuilder::finish() {
  const auto bytes = std::make_shared<const std::vector<std::byte>>(std::move(document_.appended));
  document_.appended.clear();
  document_.weights = *bytes;
  document_.weights_owner = bytes;
  check_document(document_);
  return std::move(document_);
}

}  // namespace refcalib::engine::ir
