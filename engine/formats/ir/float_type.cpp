#include "engine/formats/ir/float_type.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/layer_editor.h"
#include "engine/formats/ir/layer_reader.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

constexpr float kLargestHalf = 65504.0F;

bool fits_half(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::fabs(v) <= kLargestHalf; });
}

/// Replaces the weights by what was appended, which all blobs name by now.
void take_appended(Document& document) {
  const auto bytes = std::make_shared<const std::vector<std::byte>>(std::move(document.appended));
  document.appended.clear();
  document.weights = *bytes;
  document.weights_owner = bytes;
}

/// The blob's floats, or nothing if it holds something else.
std::optional<std::vector<float>> floats_of(const Document& document, const Blob& blob,
                                            const std::string& layer, const std::string& precision) {
  const std::string& name = blob.precision.empty() ? precision : blob.precision;
  const DType type = element_type(name.empty() ? "FP32" : name);
  if (type != DType::f32 && type != DType::f16) return std::nullopt;
  const auto count = static_cast<std::int64_t>(blob.size / size_of(type));
  return document_constant(document, blob, layer, type, {count}).to_floats();
}

Document legacy_with(const Document& source, DType type) {
  Document result = source;
  result.weights = {};
  result.weights_owner.reset();
  result.appended.clear();
  const std::string target(port_precision(type)), other = type == DType::f16 ? "FP32" : "FP16";
  const auto retype = [&](std::string& precision) {
    if (equal_ignoring_case(precision, other)) precision = target;
  };
  for (Layer& layer : result.layers) {
    for (Blob& blob : layer.blobs) {
      const auto values = floats_of(source, blob, layer.name, layer.precision);
      if (!values) {
        blob = result.append(blob.name, source.bytes(blob, layer.name), blob.precision);
        continue;
      }
      if (type == DType::f16 && !fits_half(*values))
        throw UnsupportedError("weights beyond 65504 do not fit FP16", {"", layer.name, "write FP32"});
      blob = result.append(blob.name, encode_floats(type, *values), target);
    }
    retype(layer.precision);
    for (auto* ports : {&layer.inputs, &layer.outputs})
      for (Port& port : *ports) retype(port.precision);
  }
  retype(result.precision);
  take_appended(result);
  return result;
}

/// A Const of FP16 in front of a Convert that takes its name and readers.
void compress(LayerEditor& editor, int id, const std::vector<float>& values) {
  Document& document = editor.document();
  Layer& constant = editor.layer(id);
  const std::string name = constant.name;
  const Port port = constant.outputs.at(0);
  constant.name = editor.unique_name(name + "_compressed");
  const Blob blob = document.append("value", encode_floats(DType::f16, values));
  constant.set_attribute("element_type", "f16");
  constant.set_attribute("offset", std::to_string(blob.offset));
  constant.set_attribute("size", std::to_string(blob.size));
  constant.outputs[0].precision = "FP16";
  const std::vector<PortRef> readers = editor.readers({id, port.id});
  Layer& convert = editor.insert(id, name, "Convert");
  convert.name = name;  // which the constant gave up
  convert.set_attribute("destination_type", "f32");
  convert.raw = "<rt_info><attribute name=\"decompression\" version=\"0\" /></rt_info>";
  const PortRef in = LayerEditor::add_input(convert, "FP16", port.dims);
  PortRef out = LayerEditor::add_output(convert, "FP32", port.dims);
  editor.connect({id, port.id}, in);
  for (const PortRef reader : readers) editor.reconnect(reader, out);
}

Document opset_with_half(const Document& source) {
  Document result = source;
  LayerEditor editor(result);
  std::vector<std::pair<int, std::vector<float>>> constants;
  for (const Layer& layer : result.layers) {
    if (!equal_ignoring_case(layer.type, "Const")) continue;
    const std::string* const type = layer.attribute("element_type");
    if (type == nullptr || element_type(*type) != DType::f32) continue;
    std::vector<float> values = *floats_of(source, constant_blob(layer), layer.name, "FP32");
    if (fits_half(values)) constants.emplace_back(layer.id, std::move(values));
  }
  for (const auto& [id, values] : constants) compress(editor, id, values);
  drop_unused_bytes(result);
  return result;
}

}  // namespace

Document with_float_type(const Document& document, DType type) {
  if (document.legacy()) return legacy_with(document, type);
  return type == DType::f16 ? opset_with_half(document) : document;
}

}  // namespace refcalib::engine::ir
