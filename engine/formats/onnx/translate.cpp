#include "engine/formats/onnx/translate.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/onnx/model_file.h"
#include "engine/formats/onnx/operators.h"
#include "engine/formats/onnx/quantization.h"

namespace refcalib::engine::onnx {
namespace {

/// How messages name a node.
std::string node_name(const proto::NodeProto& node) {
  if (!node.name().empty()) return node.name();
  for (const std::string& output : node.output())
    if (!output.empty()) return output;
  return node.op_type();
}

/// Sub-graphs nest no deeper in real models.
constexpr int kDeepestGraph = 16;

class Translator {
 public:
  Translator(const proto::ModelProto& model, const std::filesystem::path& file, const ir::InputShapes& shapes,
             TensorReader& constants)
      : model_(model), shapes_(shapes), constants_(constants), builder_(model.graph().name(), file) {}

  Translation run() {
    const proto::GraphProto& graph = model_.graph();
    reserve_names(graph);
    const std::vector<bool> needed = needed_nodes(graph);
    check_operators(graph, needed);
    add_initializers(graph);
    add_inputs(graph);
    for (int i = 0; i < graph.node_size(); ++i)
      if (needed[static_cast<std::size_t>(i)]) translate(graph.node(i), 0);
    add_outputs(graph);
    Translation result;
    for (const auto& [name, tensor] : tensors_)
      if (const Value& value = builder_.value(tensor.value); !value.constant)
        result.tensors[value.name].push_back(name);
    result.document = builder_.finish();
    return result;
  }

 private:
  void reserve_names(const proto::GraphProto& graph) {
    for (const proto::NodeProto& node : graph.node())
      for (const std::string& output : node.output()) builder_.reserve(output);
    for (const proto::ValueInfoProto& info : graph.input()) builder_.reserve(info.name());
    for (const proto::ValueInfoProto& info : graph.output()) builder_.reserve(info.name());
  }

  /// Tensors that a node reads, those that its sub-graphs take from outside included.
  static void add_reads(const proto::NodeProto& node, std::set<std::string>& reads, int depth) {
    reads.insert(node.input().begin(), node.input().end());
    if (depth > kDeepestGraph)
      throw UnsupportedError("sub-graphs are nested too deeply", {"", node_name(node), ""});
    for (const proto::AttributeProto& attribute : node.attribute()) {
      if (!attribute.has_g()) continue;
      for (const proto::NodeProto& inner : attribute.g().node()) add_reads(inner, reads, depth + 1);
      for (const proto::ValueInfoProto& output : attribute.g().output()) reads.insert(output.name());
    }
  }

  /// Nodes that lead to an output; the file has them in an order in which they can run.
  static std::vector<bool> needed_nodes(const proto::GraphProto& graph) {
    std::set<std::string> read;
    for (const proto::ValueInfoProto& output : graph.output()) read.insert(output.name());
    std::vector<bool> needed(static_cast<std::size_t>(graph.node_size()), false);
    for (int i = graph.node_size(); i-- > 0;) {
      const proto::NodeProto& node = graph.node(i);
      const bool wanted = std::any_of(node.output().begin(), node.output().end(),
                                      [&](const std::string& name) { return read.contains(name); });
      if (!wanted) continue;
      needed[static_cast<std::size_t>(i)] = true;
      add_reads(node, read, 0);
    }
    return needed;
  }

  const Operator* operator_of(const proto::NodeProto& node) const {
    return find_operator(node.domain(), node.op_type(),
                         std::min(opset_of(model_, node.domain()), kNewestOpset));
  }

  void check_operators(const proto::GraphProto& graph, const std::vector<bool>& needed) const {
    std::map<std::string, std::vector<std::string>> unknown;
    for (int i = 0; i < graph.node_size(); ++i) {
      const proto::NodeProto& node = graph.node(i);
      if (!needed[static_cast<std::size_t>(i)] || node.op_type() == "If" || operator_of(node) != nullptr)
        continue;
      unknown[(node.domain().empty() ? "" : node.domain() + ".") + node.op_type()].push_back(node_name(node));
    }
    if (unknown.empty()) return;
    std::string text;
    for (const auto& [type, nodes] : unknown) {
      text += (text.empty() ? "" : ", ") + type + " (node '" + nodes.front() + "'";
      if (nodes.size() > 1) text += " and " + std::to_string(nodes.size() - 1) + " more";
      text += ")";
    }
    throw UnsupportedError(
        "unsupported operators of operator set " + std::to_string(standard_opset(model_)) + ": " + text,
        {"", "", "export the model without these operators"});
  }

  void add_initializers(const proto::GraphProto& graph) {
    for (const proto::TensorProto& tensor : graph.initializer())
      in_context({"", tensor.name(), ""}, [&] {
        tensors_[tensor.name()] = Tensor{builder_.constant(tensor.name(), constants_.read(tensor))};
      });
  }

  /// Dimensions of an input by the file, -1 where it leaves them open.
  static Shape declared_shape(const proto::ValueInfoProto& input) {
    Shape shape;
    for (const proto::DimensionProto& dim : input.type().tensor_type().shape().dim())
      shape.push_back(dim.has_dim_value() && dim.dim_value() > 0 ? dim.dim_value() : -1);
    return shape;
  }

  Shape shape_of(const proto::ValueInfoProto& input) const {
    const bool ranked = input.type().tensor_type().has_shape();
    Shape shape = declared_shape(input);
    const Shape* given = nullptr;
    for (const auto& [name, wanted] : shapes_.shapes) {
      if (name == input.name()) given = &wanted;
      if (name.empty() && given == nullptr) given = &wanted;
    }
    if (given != nullptr) {
      if (ranked && given->size() != shape.size())
        throw UsageError("the shape " + to_string(*given) + " has " + std::to_string(given->size()) +
                         " dimensions, the input has " + std::to_string(shape.size()));
      return *given;
    }
    if (!ranked) throw UnsupportedError("the input has no shape", {"", "", "give it one with --shape"});
    if (shapes_.batch) {
      if (shape.empty()) throw UsageError("the input has no dimension for a batch");
      shape.front() = *shapes_.batch;
    } else if (!shape.empty() && shape.front() < 0) {
      shape.front() = 1;
    }
    for (const std::int64_t dim : shape)
      if (dim < 0)
        throw UnsupportedError("the input has the dynamic shape " + to_string(declared_shape(input)),
                               {"", "", "give it a static one with --shape"});
    return shape;
  }

  void add_inputs(const proto::GraphProto& graph) {
    if (shapes_.batch && *shapes_.batch < 1) throw UsageError("the batch must be at least 1");
    std::set<std::string> known;
    for (const proto::ValueInfoProto& input : graph.input()) {
      if (tensors_.contains(input.name())) continue;  // up to version 8 constants are listed as inputs
      known.insert(input.name());
      in_context({"", input.name(), ""}, [&] {
        if (!input.type().has_tensor_type()) throw UnsupportedError("the input is no tensor");
        const DType type = running_type(input.type().tensor_type().elem_type());
        Shape shape = shape_of(input);
        element_count(shape);
        tensors_[input.name()] = Tensor{builder_.input(input.name(), type, std::move(shape))};
      });
    }
    for (const auto& [name, shape] : shapes_.shapes)
      if (!name.empty() && !known.contains(name))
        throw UsageError("the network has no input of this name", {"", name, ""});
    if (known.empty())
      throw FormatError("the network has no inputs", {"", "", "check that the file is complete"});
  }

  void translate(const proto::NodeProto& node, int depth) {
    in_context({"", node_name(node), ""}, [&] {
      if (node.op_type() == "If") return translate_if(node, depth);
      const Operator* found = operator_of(node);
      if (found == nullptr) throw UnsupportedError("operator " + node.op_type() + " is not supported");
      NodeReader reader(node, std::min(opset_of(model_, node.domain()), kNewestOpset), tensors_, builder_,
                        constants_);
      if (reader.name().empty()) throw FormatError("the node gives no tensor");
      for (const std::string& output : node.output())
        if (!output.empty() && tensors_.contains(output))
          throw FormatError("gives the tensor '" + output + "', which is there already");
      check_integers(*found, reader);
      found->read(reader);
      if (found->integers == OnIntegers::kept) keep_quantization(node);
      for (const std::string& output : node.output())
        if (!output.empty() && !tensors_.contains(output))
          throw UnsupportedError("output '" + output + "' of " + node.op_type() + " is not supported");
    });
  }

  static void check_integers(const Operator& entry, const NodeReader& reader) {
    if (entry.integers != OnIntegers::refused) return;
    for (std::size_t rank = 0; rank < reader.input_count(); ++rank)
      if (reader.has_input(rank) && reader.tensor_input(rank).quantization)
        throw UnsupportedError(reader.node().op_type() + " of quantized numbers is not supported",
                               {"", "", "quantize the model in the QDQ format"});
  }

  void keep_quantization(const proto::NodeProto& node) {
    if (node.input_size() == 0) return;
    const auto source = tensors_.find(node.input(0));
    if (source == tensors_.end() || !source->second.quantization) return;
    const TensorQuantization q = *source->second.quantization;
    if (q.scale.size() > 1) throw UnsupportedError("moves numbers that are quantized per channel");
    for (const std::string& output : node.output())
      if (const auto found = tensors_.find(output); found != tensors_.end()) found->second.quantization = q;
  }

  /// The branch that a constant condition chooses; its tensors join those outside.
  void translate_if(const proto::NodeProto& node, int depth) {
    if (depth >= kDeepestGraph) throw UnsupportedError("sub-graphs are nested too deeply");
    NodeReader reader(node, standard_opset(model_), tensors_, builder_, constants_);
    reader.expect_inputs(1, 1);
    if (!reader.is_constant(0))
      throw UnsupportedError("If with a condition that is computed at run time is not supported");
    const char* branch = reader.ints(0).at(0) != 0 ? "then_branch" : "else_branch";
    for (const proto::AttributeProto& attribute : node.attribute()) {
      if (attribute.name() != branch || !attribute.has_g()) continue;
      const proto::GraphProto& graph = attribute.g();
      reserve_names(graph);
      add_initializers(graph);
      for (const proto::NodeProto& inner : graph.node()) translate(inner, depth + 1);
      if (graph.output_size() != node.output_size())
        throw FormatError("the branch has another number of outputs");
      for (int k = 0; k < node.output_size(); ++k) {
        const auto found = tensors_.find(graph.output(k).name());
        if (found == tensors_.end())
          throw FormatError("the branch does not give its output '" + graph.output(k).name() + "'");
        Tensor tensor = found->second;
        reader.set_output(static_cast<std::size_t>(k), std::move(tensor));
      }
      return;
    }
    throw FormatError(std::string("attribute '") + branch + "' is missing");
  }

  /// A layer of that name. What the integers of a quantized value cannot hold is cut off, because an output stays in float.
  ValueId named_output(const std::string& name, ValueId value) {
    for (const auto& [other, tensor] : tensors_) {
      if (tensor.value != value || !tensor.quantization || tensor.quantization->scale.size() != 1) continue;
      const QuantizationRange range = representable_range(*tensor.quantization);
      return builder_
          .add({"Clamp", 1}, name,
               {{"min", ir::format_float(range.low)}, {"max", ir::format_float(range.high)}}, {value})
          .front();
    }
    const ValueId shape =
        builder_.constant(name + "/shape", Constant::i64_vector(builder_.value(value).shape));
    return builder_.add({"Reshape", 1}, name, {{"special_zero", "false"}}, {value, shape}).front();
  }

  /// Outputs bear their tensors' names: values that have another one, or share it, get a layer of their own.
  void add_outputs(const proto::GraphProto& graph) {
    for (const proto::ValueInfoProto& output : graph.output())
      in_context({"", output.name(), ""}, [&] {
        const auto found = tensors_.find(output.name());
        if (found == tensors_.end()) throw FormatError("no node gives this output of the network");
        ValueId value = found->second.value;
        if (builder_.value(value).constant)
          throw UnsupportedError("this output of the network is a constant",
                                 {"", "", "export the model without it"});
        if (builder_.layer_of(value) != output.name()) value = named_output(output.name(), value);
        builder_.output(value);
      });
    if (graph.output_size() == 0)
      throw FormatError("the network has no outputs", {"", "", "check that the file is complete"});
  }

  const proto::ModelProto& model_;
  const ir::InputShapes& shapes_;
  TensorReader& constants_;
  ir::OpsetBuilder builder_;
  Tensors tensors_;
};

}  // namespace

Translation translate(const proto::ModelProto& model, const std::filesystem::path& file,
                      const ir::InputShapes& shapes, TensorReader& constants) {
  return Translator(model, file, shapes, constants).run();
}

}  // namespace refcalib::engine::onnx
