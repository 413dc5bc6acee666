#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/formats/ir/ir.h"
#include "tests/ops/node_named.h"

namespace refcalib_test {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// A document in memory with one layer under test, named "y", its run-time inputs "x0", "x1" … and constant
/// inputs behind them.
class OneLayer {
 public:
  OneLayer(int version, std::string type, Pairs attributes, std::string opset = "opset1") {
    document_.version = version;
    layer_.name = "y";
    layer_.type = std::move(type);
    layer_.attributes = std::move(attributes);
    if (version >= 10) layer_.version = std::move(opset);
    layer_.precision = version < 7 ? "FP32" : "";
    layer_.id = 1000;
  }

  OneLayer& input(const refcalib::engine::Shape& shape) {
    using namespace refcalib::engine;
    ir::Layer source;
    source.id = next_id_++;
    source.name = "x" + std::to_string(layer_.inputs.size());
    source.type = document_.legacy() ? "Input" : "Parameter";
    source.version = layer_.version;
    if (!document_.legacy()) source.attributes = {{"shape", join(shape)}, {"element_type", "f32"}};
    feed(std::move(source), shape, "FP32");
    return *this;
  }

  template <class T>
  OneLayer& constant(const refcalib::engine::Shape& shape, const std::vector<T>& values) {
    using namespace refcalib::engine;
    const bool real = std::is_same_v<T, float>;
    const ir::Blob blob =
        document_.append("custom", std::as_bytes(std::span<const T>(values)), real ? "FP32" : "I64");
    ir::Layer source;
    source.id = next_id_++;
    source.name = "k" + std::to_string(layer_.inputs.size());
    source.type = "Const";
    if (document_.legacy()) {
      source.blobs = {blob};
    } else {
      source.version = "opset1";
      source.attributes = {{"shape", join(shape)},
                           {"element_type", real ? "f32" : "i64"},
                           {"offset", std::to_string(blob.offset)},
                           {"size", std::to_string(blob.size)}};
    }
    feed(std::move(source), shape, real ? "FP32" : "I64");
    return *this;
  }
  OneLayer& ints(const std::vector<std::int64_t>& values) {
    return constant<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
  }

  OneLayer& blob(const std::string& name, const std::vector<float>& values) {
    layer_.blobs.push_back(document_.append(name, std::as_bytes(std::span<const float>(values))));
    return *this;
  }

  /// Declares an output; without one, v10 layers get a single undeclared output.
  OneLayer& output(const refcalib::engine::Shape& shape) {
    layer_.outputs.push_back({next_port_++, "FP32", shape, "", ""});
    return *this;
  }

  refcalib::engine::ir::Document document() const {
    using namespace refcalib::engine;
    ir::Document result = document_;
    ir::Layer layer = layer_;
    if (layer.outputs.empty()) layer.outputs.push_back({next_port_, "FP32", {}, "", ""});
    if (!result.legacy())
      for (std::size_t k = 0; k < layer.outputs.size(); ++k) {
        ir::Layer sink;
        sink.id = 2000 + static_cast<int>(k);
        sink.name = "sink" + std::to_string(k);
        sink.type = "Result";
        sink.version = "opset1";
        sink.inputs.push_back({0, "FP32", {}, "", ""});
        result.edges.push_back({layer.id, layer.outputs[k].id, sink.id, 0});
        result.layers.push_back(std::move(sink));
      }
    result.layers.push_back(std::move(layer));
    return result;
  }

  refcalib::engine::Graph graph() const {
    const refcalib::engine::ir::Document complete = document();
    refcalib::engine::ir::check_document(complete);
    return refcalib::engine::ir::to_graph(complete);
  }

 private:
  static std::string join(const refcalib::engine::Shape& shape) {
    std::string text;
    for (const std::int64_t dim : shape) text += (text.empty() ? "" : ",") + std::to_string(dim);
    return text;
  }

  void feed(refcalib::engine::ir::Layer source, const refcalib::engine::Shape& shape,
            const std::string& precision) {
    source.outputs.push_back({0, precision, shape, "", ""});
    layer_.inputs.push_back({next_port_, precision, shape, "", ""});
    document_.edges.push_back({source.id, 0, layer_.id, next_port_});
    ++next_port_;
    document_.layers.push_back(std::move(source));
  }

  refcalib::engine::ir::Document document_;
  refcalib::engine::ir::Layer layer_;
  int next_id_ = 0, next_port_ = 0;
};

inline refcalib::engine::Shape output_shape(const refcalib::engine::Graph& graph, std::size_t k = 0) {
  return graph.value(graph.outputs.at(k)).shape;
}

inline std::vector<float> input_floats(const refcalib::engine::Graph& graph,
                                       const refcalib::engine::Node& node, std::size_t input) {
  return graph.value(node.inputs.at(input)).constant.to_floats();
}

}  // namespace refcalib_test
