#include "engine/formats/onnx/write_quantized.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/atomic_file.h"
#include "engine/formats/onnx/fold_batch_normalization.h"
#include "engine/formats/onnx/model_file.h"
#include "engine/formats/onnx/translate.h"
#include "engine/formats/onnx/weighted.h"

namespace refcalib::engine::onnx {
namespace {

constexpr int kOldestWrittenOpset = 13;  // the first with scales per channel
constexpr std::string_view kBehindProduct = "/WithoutBiases";

/// A model with its folded batch normalization, and what its tensors are called in the graph.
struct Source {
  std::shared_ptr<proto::ModelProto> model;
  std::map<std::string, std::vector<std::string>> tensors;  ///< by value
};

Source read_source(const std::filesystem::path& path, const ir::InputShapes& shapes) {
  Source source;
  source.model = read_model_file(path);
  const int opset = standard_opset(*source.model);
  if (opset < kOldestWrittenOpset)
    throw UnsupportedError(
        "operator set " + std::to_string(opset) + " has no scales per channel",
        {"", "", "export the model with operator set 13 or newer, or write an IR (-o FILE.xml)"});
  for (const proto::NodeProto& node : source.model->graph().node())
    if (node.op_type() == "QuantizeLinear" || node.op_type().starts_with("QLinear"))
      throw UnsupportedError("the model is quantized already",
                             {"", node.name(), "calibrate the floating-point model instead"});
  TensorReader constants(source.model, path);
  fold_batch_normalization(*source.model, constants);
  Translation translation = translate(*source.model, path, shapes, constants);
  source.tensors = std::move(translation.tensors);
  return source;
}

/// Which node gives a tensor and which read it, by their places in the file.
struct Wiring {
  std::map<std::string, int> producer;
  std::map<std::string, std::vector<int>> readers;
  std::set<std::string> outputs;

  explicit Wiring(const proto::GraphProto& graph) {
    for (int i = 0; i < graph.node_size(); ++i) {
      for (const std::string& output : graph.node(i).output()) producer[output] = i;
      for (const std::string& input : graph.node(i).input())
        if (std::vector<int>& list = readers[input]; list.empty() || list.back() != i) list.push_back(i);
    }
    for (const proto::ValueInfoProto& output : graph.output()) outputs.insert(output.name());
  }
};

/// The tensor that a layer of the annotation gives.
std::string tensor_of_layer(std::string name) {
  if (name.ends_with(kBehindProduct)) name.resize(name.size() - kBehindProduct.size());
  return name;
}

bool is_kept_float(const ir::Annotation& annotation, const std::string& tensor) {
  return std::any_of(annotation.keep_float.begin(), annotation.keep_float.end(),
                     [&](const std::string& layer) { return tensor_of_layer(layer) == tensor; });
}

const proto::AttributeProto* find(const proto::NodeProto& node, std::string_view name) {
  for (const proto::AttributeProto& attribute : node.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

std::int64_t integer(const proto::NodeProto& node, std::string_view name, std::int64_t absent) {
  const proto::AttributeProto* found = find(node, name);
  return found == nullptr ? absent : found->i();
}

double real(const proto::NodeProto& node, std::string_view name, double absent) {
  const proto::AttributeProto* found = find(node, name);
  return found == nullptr ? absent : static_cast<double>(found->f());
}

/// Puts the layers of an annotation into a model.
class QuantizedGraph {
 public:
  QuantizedGraph(Source& source, const std::filesystem::path& file)
      : source_(source),
        graph_(*source.model->mutable_graph()),
        constants_(source.model, file),
        wiring_(graph_) {
    for (const proto::TensorProto& tensor : graph_.initializer()) {
      initializers_.emplace(tensor.name(), &tensor);
      names_.insert(tensor.name());
    }
    for (const auto& [name, node] : wiring_.producer) names_.insert(name);
    for (const proto::ValueInfoProto& input : graph_.input()) names_.insert(input.name());
    before_.resize(static_cast<std::size_t>(graph_.node_size()));
    behind_.resize(static_cast<std::size_t>(graph_.node_size()));
  }

  void apply(const ir::Annotation& annotation) {
    for (const ir::Annotation::Activation& activation : annotation.activations) choose_scale(activation);
    // Runtimes compute with one type of integers or the other: s8 where zero lies in the middle of all ranges.
    signed_ =
        std::all_of(scales_.begin(), scales_.end(), [](const auto& entry) { return is_even(entry.second); });
    for (const ir::Annotation::Weights& weights : annotation.weights)
      in_context({"", weights.layer, ""}, [&] {
        quantize_weights(weights, is_kept_float(annotation, tensor_of_layer(weights.layer)));
      });
    for (const auto& [tensor, q] : scales_) quantize_activation(tensor, q, annotation);
    rebuild();
  }

 private:
  std::string unused(const std::string& wanted) {
    std::string name = wanted;
    for (int number = 1; !names_.insert(name).second; ++number) name = wanted + "_" + std::to_string(number);
    return name;
  }

  template <class T>
  std::string add_constant(const std::string& wanted, ElementType type, const Shape& shape,
                           const std::vector<T>& values) {
    proto::TensorProto& tensor = *added_.add_initializer();
    tensor.set_name(unused(wanted));
    tensor.set_data_type(static_cast<int>(type));
    for (const std::int64_t dim : shape) tensor.add_dims(dim);
    tensor.set_raw_data(values.data(), values.size() * sizeof(T));
    return tensor.name();
  }

  static proto::NodeProto make_node(const char* type, const std::vector<std::string>& inputs,
                                    const std::string& output) {
    proto::NodeProto node;
    node.set_op_type(type);
    node.set_name(output);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  static void set_axis(proto::NodeProto& node, std::int64_t axis) {
    constexpr int integer_kind = 2;
    proto::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name("axis");
    attribute.set_i(axis);
    attribute.set_type(integer_kind);
  }

  /// All tensors that hold the value get the same quantization.
  void choose_scale(const ir::Annotation::Activation& activation) {
    const auto found = source_.tensors.find(activation.value);
    if (found == source_.tensors.end() || activation.range.size() != 1) return;
    Quantization q = activation_quantization(activation.range, activation.levels);
    for (const std::string& tensor : found->second) scales_.emplace(tensor, q);
  }

  static bool is_even(const Quantization& q) { return q.zero_point == (q.qmin + q.qmax + 1) / 2; }

  std::string add_zero_point(const std::string& name, const Quantization& q) {
    if (signed_) return add_constant(name, ElementType::i8, {}, std::vector<std::int8_t>{0});
    return add_constant(name, ElementType::u8, {},
                        std::vector<std::uint8_t>{static_cast<std::uint8_t>(q.zero_point)});
  }

  std::optional<float> input_scale(const std::string& tensor) const {
    const auto found = scales_.find(tensor);
    return found == scales_.end() ? std::nullopt : std::optional(found->second.scale.front());
  }

  /// Where the output channels of weights lie; nullopt for scales that the format cannot state.
  static std::optional<std::size_t> channel_axis(const proto::NodeProto& node, std::size_t rank) {
    if (node.op_type() == "Conv") return 0;
    if (node.op_type() == "ConvTranspose")
      return integer(node, "group", 1) == 1 ? std::optional<std::size_t>(1) : std::nullopt;
    if (node.op_type() == "Gemm") return integer(node, "transB", 0) != 0 ? 0 : 1;
    return rank == 0 ? std::nullopt : std::optional(rank - 1);
  }

  static std::vector<std::int8_t> rounded(const Constant& weights, const std::vector<float>& scale,
                                          std::size_t axis) {
    std::size_t inner = 1;
    for (std::size_t d = axis + 1; d < weights.shape().size(); ++d)
      inner *= static_cast<std::size_t>(weights.shape()[d]);
    std::vector<std::int8_t> integers;
    const std::vector<float> values = weights.to_floats();
    for (std::size_t e = 0; e < values.size(); ++e) {
      const float s = scale[scale.size() == 1 ? 0 : e / inner % scale.size()];
      integers.push_back(
          static_cast<std::int8_t>(std::clamp(std::nearbyint(values[e] / s), -127.0F, 127.0F)));
    }
    return integers;
  }

  void quantize_weights(const ir::Annotation::Weights& weights, bool keep_float) {
    const std::string tensor = tensor_of_layer(weights.layer);
    const auto producer = wiring_.producer.find(tensor);
    if (producer == wiring_.producer.end()) throw UsageError("the file has no such layer");
    const int at = producer->second;
    proto::NodeProto& node = *graph_.mutable_node(at);
    const auto found = node.input_size() < 2 ? initializers_.end() : initializers_.find(node.input(1));
    if (found == initializers_.end()) return correct_bias(at, weights.bias);
    const Constant constant = constants_.read(*found->second);
    const auto axis = channel_axis(node, constant.shape().size());
    std::vector<QuantizationRange> ranges = weights.range;
    if (!axis && ranges.size() > 1) {
      QuantizationRange all;
      for (const QuantizationRange& range : ranges)
        all = {std::min(all.low, range.low), std::max(all.high, range.high)};
      ranges = {all};
    }
    if (axis && ranges.size() > 1 && static_cast<std::int64_t>(ranges.size()) != constant.shape().at(*axis))
      throw UsageError("the annotation has " + std::to_string(ranges.size()) +
                       " ranges for weights of shape " + to_string(constant.shape()));
    const bool floats = keep_float || ranges.empty() || !input_scale(node.input(0));
    if (floats) return correct_bias(at, weights.bias);
    std::vector<float> scale = weight_quantization(ranges, weights.levels).scale;
    widen_for_bias(node, weights.bias, scale);
    node.set_input(1, add_weights(at, constant, scale, axis.value_or(0)));
    quantize_bias(at, weights.bias, scale);
  }

  std::string add_weights(int at, const Constant& constant, const std::vector<float>& scale,
                          std::size_t axis) {
    const proto::NodeProto& node = graph_.node(at);
    const std::string prefix = node.output(0) + "/weights";
    const bool single = scale.size() == 1;
    const Shape shape = single ? Shape{} : Shape{static_cast<std::int64_t>(scale.size())};
    const std::string integers = add_constant(prefix + "/quantized", ElementType::i8, constant.shape(),
                                              rounded(constant, scale, axis));
    const std::string scales = add_constant(prefix + "/scale", ElementType::f32, shape, scale);
    const std::string zeros = add_constant(prefix + "/zero_point", ElementType::i8, shape,
                                           std::vector<std::int8_t>(scale.size(), 0));
    proto::NodeProto real =
        make_node("DequantizeLinear", {integers, scales, zeros}, unused(prefix + "/dequantized"));
    if (!single) set_axis(real, static_cast<std::int64_t>(axis));
    before_[static_cast<std::size_t>(at)].push_back(real);
    return real.output(0);
  }

  std::vector<float> stored_bias(const proto::NodeProto& node) {
    if (node.input_size() < 3 || node.input(2).empty()) return {};
    const auto found = initializers_.find(node.input(2));
    return found == initializers_.end() ? std::vector<float>{} : constants_.read(*found->second).to_floats();
  }

  static void set_bias(proto::NodeProto& node, const std::string& name) {
    while (node.input_size() < 3) node.add_input("");
    node.set_input(2, name);
  }

  /// A bias that stays in float; products without a place for one get an addition.
  void correct_bias(int at, const std::vector<float>& bias) {
    if (bias.empty()) return;
    proto::NodeProto& node = *graph_.mutable_node(at);
    const std::string name = node.output(0) + "/corrected_bias";
    const Shape shape{static_cast<std::int64_t>(bias.size())};
    if (node.op_type() != "MatMul") return set_bias(node, add_constant(name, ElementType::f32, shape, bias));
    const auto readers = wiring_.readers.find(node.output(0));
    if (readers != wiring_.readers.end() && readers->second.size() == 1 &&
        !wiring_.outputs.contains(node.output(0))) {
      proto::NodeProto& reader = *graph_.mutable_node(readers->second.front());
      for (int side = 0; reader.op_type() == "Add" && side < 2; ++side)
        if (initializers_.contains(reader.input(side)))
          return reader.set_input(side, add_constant(name, ElementType::f32, shape, bias));
    }
    const std::string tensor = node.output(0), before = unused(tensor + "/product");
    node.set_output(0, before);
    behind_[static_cast<std::size_t>(at)].push_back(
        make_node("Add", {before, add_constant(name, ElementType::f32, shape, bias)}, tensor));
  }

  /// The scales become so wide that the bias fits into i32, with a bit to spare for the sum of products: channels that are all but
  /// zero have scales that no bias fits. Runtimes put the bias into i32 in any case, and would clip it.
  void widen_for_bias(const proto::NodeProto& node, const std::vector<float>& corrected,
                      std::vector<float>& scale) {
    constexpr double most = 1 << 30;
    const std::vector<float> bias = corrected.empty() ? stored_bias(node) : corrected;
    const double input = static_cast<double>(*input_scale(node.input(0)));
    for (std::size_t c = 0; c < bias.size() && (scale.size() == 1 || scale.size() == bias.size()); ++c) {
      float& s = scale[scale.size() == 1 ? 0 : c];
      s = std::max(s, static_cast<float>(std::abs(static_cast<double>(bias[c])) / (input * most)));
    }
  }

  /// i32 at the scale of the products, where the node adds a vector.
  void quantize_bias(int at, const std::vector<float>& corrected, const std::vector<float>& weight_scale) {
    proto::NodeProto& node = *graph_.mutable_node(at);
    const bool plain =
        node.op_type() == "Conv" || node.op_type() == "ConvTranspose" ||
        (node.op_type() == "Gemm" && real(node, "alpha", 1) == 1 && real(node, "beta", 1) == 1);
    if (!plain) return correct_bias(at, corrected);
    const std::vector<float> bias = corrected.empty() ? stored_bias(node) : corrected;
    const bool vector =
        !corrected.empty() || (node.input_size() > 2 && initializers_.contains(node.input(2)) &&
                               initializers_.at(node.input(2))->dims_size() == 1);
    const float scale = *input_scale(node.input(0));
    if (bias.empty() || !vector || (weight_scale.size() != 1 && weight_scale.size() != bias.size()))
      return correct_bias(at, corrected);
    std::vector<float> scales;
    std::vector<std::int32_t> integers;
    for (std::size_t c = 0; c < bias.size(); ++c) {
      const float s = scale * weight_scale[weight_scale.size() == 1 ? 0 : c];
      const double exact = std::nearbyint(static_cast<double>(bias[c]) / static_cast<double>(s));
      constexpr double most = std::numeric_limits<std::int32_t>::max();
      if (!(s > 0) || !(std::abs(exact) < most)) return correct_bias(at, corrected);
      scales.push_back(s);
      integers.push_back(static_cast<std::int32_t>(exact));
    }
    if (weight_scale.size() == 1) scales.resize(1);
    const Shape shape = scales.size() == 1 ? Shape{} : Shape{static_cast<std::int64_t>(scales.size())};
    const std::string prefix = node.output(0) + "/bias";
    const std::string data = add_constant(prefix + "/quantized", ElementType::i32,
                                          {static_cast<std::int64_t>(bias.size())}, integers);
    const std::string factor = add_constant(prefix + "/scale", ElementType::f32, shape, scales);
    proto::NodeProto dequantize =
        make_node("DequantizeLinear", {data, factor}, unused(prefix + "/dequantized"));
    if (scales.size() > 1) set_axis(dequantize, 0);
    before_[static_cast<std::size_t>(at)].push_back(dequantize);
    set_bias(node, dequantize.output(0));
  }

  /// Readers see the rounded numbers; layers that are kept in float, and shapes, read the tensor itself. An output of the network that a
  /// node gives is rounded, too.
  void quantize_activation(const std::string& tensor, const Quantization& q,
                           const ir::Annotation& annotation) {
    const auto producer = wiring_.producer.find(tensor);
    const bool renamed = producer != wiring_.producer.end() && wiring_.outputs.contains(tensor);
    const auto readers = wiring_.readers.find(tensor);
    std::vector<int> rounded;
    if (readers != wiring_.readers.end())
      for (const int reader : readers->second) {
        const proto::NodeProto& node = graph_.node(reader);
        const bool plain = node.op_type() == "Shape" || node.op_type() == "Size";
        if (!plain && !(node.output_size() > 0 && is_kept_float(annotation, node.output(0))))
          rounded.push_back(reader);
      }
    if (rounded.empty() && !renamed) return;
    const std::string scale =
        add_constant(tensor + "/scale", ElementType::f32, {}, std::vector<float>{q.scale.front()});
    const std::string zero = add_zero_point(tensor + "/zero_point", q);
    std::string source = tensor, real = tensor;
    if (renamed) {
      source = unused(tensor + "/float");
      rename_output(producer->second, tensor, source);
      if (readers != wiring_.readers.end())
        for (const int reader : readers->second)
          if (std::find(rounded.begin(), rounded.end(), reader) == rounded.end())
            replace_input(reader, tensor, source);
    } else {
      real = unused(tensor + "/dequantized");
      for (const int reader : rounded) replace_input(reader, tensor, real);
    }
    const std::string integers = unused(tensor + "/quantized");
    std::vector<proto::NodeProto>& place =
        producer == wiring_.producer.end() ? front_ : behind_[static_cast<std::size_t>(producer->second)];
    place.push_back(make_node("QuantizeLinear", {source, scale, zero}, integers));
    place.push_back(make_node("DequantizeLinear", {integers, scale, zero}, real));
  }

  /// The tensor is given by the node, or by an addition that was put behind it.
  void rename_output(int at, const std::string& from, const std::string& to) {
    for (proto::NodeProto& node : behind_[static_cast<std::size_t>(at)])
      if (node.output(0) == from) return node.set_output(0, to);
    proto::NodeProto& node = *graph_.mutable_node(at);
    for (int k = 0; k < node.output_size(); ++k)
      if (node.output(k) == from) node.set_output(k, to);
  }

  void replace_input(int at, const std::string& from, const std::string& to) {
    proto::NodeProto& node = *graph_.mutable_node(at);
    for (int k = 0; k < node.input_size(); ++k)
      if (node.input(k) == from) node.set_input(k, to);
  }

  /// The nodes in an order in which they can run, and no constant that nothing reads any more.
  void rebuild() {
    proto::GraphProto ordered;
    const auto append = [&](std::vector<proto::NodeProto>& nodes) {
      for (proto::NodeProto& node : nodes) ordered.add_node()->Swap(&node);
    };
    append(front_);
    for (int i = 0; i < graph_.node_size(); ++i) {
      append(before_[static_cast<std::size_t>(i)]);
      ordered.add_node()->Swap(graph_.mutable_node(i));
      append(behind_[static_cast<std::size_t>(i)]);
    }
    graph_.mutable_node()->Swap(ordered.mutable_node());
    std::set<std::string> read;
    for (const proto::NodeProto& node : graph_.node()) add_reads(node, read);
    for (const proto::ValueInfoProto& output : graph_.output()) read.insert(output.name());
    proto::GraphProto kept;
    for (proto::GraphProto* from : {&graph_, &added_})
      for (proto::TensorProto& tensor : *from->mutable_initializer())
        if (read.contains(tensor.name())) kept.add_initializer()->Swap(&tensor);
    graph_.mutable_initializer()->Swap(kept.mutable_initializer());
  }

  static void add_reads(const proto::NodeProto& node, std::set<std::string>& read) {
    read.insert(node.input().begin(), node.input().end());
    for (const proto::AttributeProto& attribute : node.attribute())
      for (const proto::NodeProto& inner : attribute.g().node()) add_reads(inner, read);
  }

  Source& source_;
  proto::GraphProto& graph_;
  TensorReader constants_;
  Wiring wiring_;
  proto::GraphProto added_;  ///< new constants
  std::map<std::string, const proto::TensorProto*> initializers_;
  std::map<std::string, Quantization> scales_;  ///< by tensor
  bool signed_ = false;                         ///< activations are s8
  std::set<std::string> names_;
  std::vector<proto::NodeProto> front_;
  std::vector<std::vector<proto::NodeProto>> before_, behind_;  ///< by place of the node in the file
};

/// Tensors of external data are stored in the file that is written.
void embed_external_data(proto::ModelProto& model, TensorReader& constants) {
  constexpr int external = 1;
  for (proto::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.data_location() != external) continue;
    const Constant constant = constants.read(tensor);
    tensor.set_raw_data(constant.bytes().data(), constant.bytes().size());
    tensor.clear_external_data();
    tensor.clear_data_location();
    if (is_float(constant.dtype())) tensor.set_data_type(static_cast<int>(ElementType::f32));
  }
}

}  // namespace

std::vector<std::string> values_without_range(const std::filesystem::path& path,
                                              const ir::InputShapes& shapes,
                                              const ir::Annotation& annotation) {
  return in_context({path.string(), "", ""}, [&] {
    const Source source = read_source(path, shapes);
    const proto::GraphProto& graph = source.model->graph();
    const Wiring wiring(graph);
    std::map<std::string, std::string> value_of;  // by tensor
    for (const auto& [value, tensors] : source.tensors)
      for (const std::string& tensor : tensors) value_of.emplace(tensor, value);
    std::set<std::string> known, missing;
    for (const ir::Annotation::Activation& activation : annotation.activations)
      known.insert(activation.value);
    for (const ir::Annotation::Weights& weights : annotation.weights) {
      std::string tensor = tensor_of_layer(weights.layer);
      const auto producer = wiring.producer.find(tensor);
      if (producer == wiring.producer.end() || graph.node(producer->second).op_type() != "Conv" ||
          is_kept_float(annotation, tensor))
        continue;
      const auto readers = wiring.readers.find(tensor);
      if (readers != wiring.readers.end() && readers->second.size() == 1 &&
          !wiring.outputs.contains(tensor)) {
        const proto::NodeProto& reader = graph.node(readers->second.front());
        if (reader.op_type() == "Relu" || reader.op_type() == "Clip") tensor = reader.output(0);
      }
      if (const auto value = value_of.find(tensor); value != value_of.end() && !known.contains(value->second))
        missing.insert(value->second);
    }
    return std::vector<std::string>(missing.begin(), missing.end());
  });
}

void write_quantized(const std::filesystem::path& path, const ir::InputShapes& shapes,
                     const ir::Annotation& annotation, const std::filesystem::path& target) {
  in_context({path.string(), "", ""}, [&] {
    Source source = read_source(path, shapes);
    TensorReader constants(source.model, path);
    QuantizedGraph(source, path).apply(annotation);
    embed_external_data(*source.model, constants);
    std::string bytes;
    if (!source.model->SerializeToString(&bytes))
      throw UnsupportedError("the quantized model is larger than 2 GiB",
                             {"", "", "write an IR instead (-o FILE.xml)"});
    ir::AtomicFile file(target);
    file.write(std::as_bytes(std::span(bytes)));
    file.close();
    file.commit();
  });
}

}  // namespace refcalib::engine::onnx
