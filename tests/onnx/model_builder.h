#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/core/shape.h"
#include "engine/formats/onnx/onnx.pb.h"

namespace refcalib_test {

namespace onnx_proto = refcalib::engine::onnx::proto;

/// Numbers of the format's element types.
enum OnnxType : int { kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kBool = 9 };

struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>> value;
};
using OnnxAttributes = std::vector<OnnxAttribute>;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

inline OnnxAttribute attribute(std::string name, int value) {
  return {std::move(name), std::int64_t{value}};
}
inline OnnxAttribute attribute(std::string name, float value) {
  return {std::move(name), value};
}
inline OnnxAttribute attribute(std::string name, const char* value) {
  return {std::move(name), std::string(value)};
}
inline OnnxAttribute attribute(std::string name, Ints value) {
  return {std::move(name), std::move(value)};
}
inline OnnxAttribute attribute(std::string name, Floats value) {
  return {std::move(name), std::move(value)};
}

/// Builds ONNX models for tests, node by node.
class OnnxModel {
 public:
  explicit OnnxModel(int opset, std::string domain = {}) {
    proto.set_ir_version(8);
    add_opset({}, opset);
    if (!domain.empty()) add_opset(domain, 1);
    proto.mutable_graph()->set_name("test");
  }

  OnnxModel& add_opset(const std::string& domain, int version) {
    onnx_proto::OperatorSetIdProto& set = *proto.add_opset_import();
    set.set_domain(domain);
    set.set_version(version);
    return *this;
  }

  OnnxModel& input(const std::string& name, const refcalib::engine::Shape& shape, int type = kFloat) {
    onnx_proto::ValueInfoProto& info = *proto.mutable_graph()->add_input();
    info.set_name(name);
    onnx_proto::TensorTypeProto& tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape();
    for (const std::int64_t dim : shape) {
      onnx_proto::DimensionProto& entry = *tensor.mutable_shape()->add_dim();
      if (dim < 0)
        entry.set_dim_param("n");
      else
        entry.set_dim_value(dim);
    }
    return *this;
  }

  template <class T>
  OnnxModel& constant(const std::string& name, int type, const refcalib::engine::Shape& shape,
                      const std::vector<T>& values) {
    fill(*proto.mutable_graph()->add_initializer(), name, type, shape, values);
    return *this;
  }
  OnnxModel& f32(const std::string& name, const refcalib::engine::Shape& shape, const Floats& values) {
    return constant(name, kFloat, shape, values);
  }
  OnnxModel& i64(const std::string& name, const Ints& values) {
    return constant(name, kInt64, {static_cast<std::int64_t>(values.size())}, values);
  }

  OnnxModel& node(const std::string& type, const std::vector<std::string>& inputs,
                  const std::vector<std::string>& outputs, const OnnxAttributes& attributes = {},
                  const std::string& domain = {}) {
    add_node(*proto.mutable_graph(), type, inputs, outputs, attributes).set_domain(domain);
    return *this;
  }

  OnnxModel& output(const std::string& name) {
    proto.mutable_graph()->add_output()->set_name(name);
    return *this;
  }

  template <class T>
  static void fill(onnx_proto::TensorProto& tensor, const std::string& name, int type,
                   const refcalib::engine::Shape& shape, const std::vector<T>& values) {
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::int64_t dim : shape) tensor.add_dims(dim);
    tensor.set_raw_data(values.data(), values.size() * sizeof(T));
  }

  static onnx_proto::NodeProto& add_node(onnx_proto::GraphProto& graph, const std::string& type,
                                         const std::vector<std::string>& inputs,
                                         const std::vector<std::string>& outputs,
                                         const OnnxAttributes& attributes = {}) {
    onnx_proto::NodeProto& node = *graph.add_node();
    node.set_op_type(type);
    node.set_name(type + "_" + std::to_string(graph.node_size()));
    for (const std::string& input : inputs) node.add_input(input);
    for (const std::string& output : outputs) node.add_output(output);
    for (const OnnxAttribute& entry : attributes) set(*node.add_attribute(), entry);
    return node;
  }

  /// Writes the file and returns its path.
  std::filesystem::path write(const std::filesystem::path& path) const {
    std::string bytes;
    proto.SerializeToString(&bytes);
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path;
  }

  onnx_proto::ModelProto proto;

 private:
  static void set(onnx_proto::AttributeProto& attribute, const OnnxAttribute& entry) {
    enum Kind : int { kF = 1, kI = 2, kS = 3, kFloats = 6, kInts = 7 };
    attribute.set_name(entry.name);
    if (const auto* i = std::get_if<std::int64_t>(&entry.value)) {
      attribute.set_i(*i);
      attribute.set_type(kI);
    } else if (const auto* f = std::get_if<float>(&entry.value)) {
      attribute.set_f(*f);
      attribute.set_type(kF);
    } else if (const auto* s = std::get_if<std::string>(&entry.value)) {
      attribute.set_s(*s);
      attribute.set_type(kS);
    } else if (const auto* ints = std::get_if<Ints>(&entry.value)) {
      for (const std::int64_t v : *ints) attribute.add_ints(v);
      attribute.set_type(kInts);
    } else if (const auto* floats = std::get_if<Floats>(&entry.value)) {
      for (const float v : *floats) attribute.add_floats(v);
      attribute.set_type(kFloats);
    }
  }
};

}  // namespace refcalib_test
