#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/formats/ir/ir.h"
#include "tests/formats/one_layer.h"

namespace refcalib_test {

/// A document of several layers in memory, in the spelling of its version. Layers are named by numbers, outputs
/// by layer and place.
class DocumentBuilder {
 public:
  struct Source {
    int layer = 0, output = 0;
  };

  explicit DocumentBuilder(int version) { document_.version = version; }
  bool legacy() const { return document_.legacy(); }

  Source input(const std::string& name, const refcalib::engine::Shape& shape) {
    return legacy() ? add("Input", name, {}, {}, {shape})
                    : add("Parameter", name, {{"shape", join(shape)}, {"element_type", "f32"}}, {}, {shape});
  }

  template <class T>
  Source constant(const refcalib::engine::Shape& shape, const std::vector<T>& values) {
    const bool real = std::is_same_v<T, float>;
    const auto blob =
        document_.append("custom", std::as_bytes(std::span<const T>(values)), real ? "FP32" : "I64");
    Pairs pairs;
    if (!legacy())
      pairs = {{"shape", join(shape)},
               {"element_type", real ? "f32" : "i64"},
               {"offset", std::to_string(blob.offset)},
               {"size", std::to_string(blob.size)}};
    const Source made = add("Const", "const" + std::to_string(document_.layers.size()), pairs, {}, {shape});
    if (legacy()) document_.layers.back().blobs = {blob};
    document_.layers.back().outputs[0].precision = real ? "FP32" : "I64";
    return made;
  }
  Source ints(const std::vector<std::int64_t>& values) {
    return constant<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
  }

  Source add(const std::string& type, const std::string& name, Pairs attributes,
             const std::vector<Source>& inputs, const std::vector<refcalib::engine::Shape>& outputs,
             const std::string& opset = "opset1") {
    refcalib::engine::ir::Layer layer;
    layer.id = static_cast<int>(document_.layers.size());
    layer.name = name;
    layer.type = type;
    layer.precision = legacy() ? "FP32" : "";
    layer.version = legacy() ? "" : opset;
    layer.attributes = std::move(attributes);
    int port = 0;
    for (const Source& source : inputs) {
      const auto& from = document_.layers[static_cast<std::size_t>(source.layer)]
                             .outputs[static_cast<std::size_t>(source.output)];
      document_.edges.push_back({source.layer, from.id, layer.id, port});
      layer.inputs.push_back({port++, "FP32", from.dims, "", ""});
    }
    for (const auto& shape : outputs) layer.outputs.push_back({port++, "FP32", shape, "", ""});
    document_.layers.push_back(std::move(layer));
    return {document_.layers.back().id, 0};
  }

  /// A blob of the layer that was added last (legacy).
  void blob(const std::string& name, const std::vector<float>& values) {
    document_.layers.back().blobs.push_back(
        document_.append(name, std::as_bytes(std::span<const float>(values))));
  }
  const refcalib::engine::Shape& shape(Source source) const {
    return document_.layers[static_cast<std::size_t>(source.layer)]
        .outputs[static_cast<std::size_t>(source.output)]
        .dims;
  }

  /// Legacy outputs that nobody reads are those of the network already.
  void output(Source source) {
    if (!legacy()) add("Result", "result" + std::to_string(document_.layers.size()), {}, {source}, {});
  }

  const refcalib::engine::ir::Document& document() const { return document_; }
  refcalib::engine::Graph graph() const {
    refcalib::engine::ir::check_document(document_);
    return refcalib::engine::ir::to_graph(document_);
  }

  static std::string join(const refcalib::engine::Shape& shape) {
    std::string text;
    for (const std::int64_t dim : shape) text += (text.empty() ? "" : ",") + std::to_string(dim);
    return text;
  }

 private:
  refcalib::engine::ir::Document document_;
};

}  // namespace refcalib_test
