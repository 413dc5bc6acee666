#include "engine/formats/onnx/fold_batch_normalization.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace refcalib::engine::onnx {
namespace {

constexpr double kEpsilon = 1e-5;  // of the standard

const proto::AttributeProto* find(const proto::NodeProto& node, std::string_view name) {
  for (const proto::AttributeProto& attribute : node.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

std::int64_t integer(const proto::NodeProto& node, std::string_view name, std::int64_t absent) {
  const proto::AttributeProto* found = find(node, name);
  return found == nullptr ? absent : found->i();
}

/// Output channel of each weight: elements run over `channels` blocks of `inner` elements.
struct Blocks {
  std::size_t channels = 1, inner = 1;
  std::size_t groups = 1;  ///< of transposed convolutions: weights [C, M / groups, k…]
  std::size_t per_group_inputs = 1;
  std::size_t channel_of(std::size_t element) const {
    const std::size_t block = element / inner;
    if (per_group_inputs == 0) return block;
    const std::size_t outputs = channels / groups;
    return block / outputs / per_group_inputs * outputs + block % outputs;
  }
};

class Folder {
 public:
  Folder(proto::GraphProto& graph, TensorReader& constants) : graph_(graph), constants_(constants) {
    for (const proto::TensorProto& tensor : graph.initializer()) initializers_[tensor.name()] = &tensor;
    for (const proto::NodeProto& node : graph.node())
      for (const std::string& input : node.input()) ++readers_[input];
    for (const proto::ValueInfoProto& output : graph.output()) ++readers_[output.name()];
    for (const proto::NodeProto& node : graph.node())
      for (const proto::AttributeProto& attribute : node.attribute())
        if (attribute.has_g()) has_subgraphs_ = true;
  }

  void run() {
    if (has_subgraphs_) return;  // they may read any tensor
    std::map<std::string, proto::NodeProto*> producers;
    std::set<const proto::NodeProto*> folded;
    for (proto::NodeProto& node : *graph_.mutable_node()) {
      if (node.op_type() == "BatchNormalization" && node.input_size() == 5 && node.output_size() >= 1) {
        const auto found = producers.find(node.input(0));
        if (found != producers.end() && fold(*found->second, node)) {
          folded.insert(&node);
          producers[node.output(0)] = found->second;
          continue;
        }
      }
      if (node.op_type() == "Conv" || node.op_type() == "ConvTranspose")
        if (node.output_size() == 1 && node.input_size() >= 2) producers[node.output(0)] = &node;
    }
    proto::GraphProto kept;
    for (proto::NodeProto& node : *graph_.mutable_node())
      if (!folded.contains(&node)) kept.add_node()->Swap(&node);
    graph_.mutable_node()->Swap(kept.mutable_node());
  }

 private:
  std::optional<std::vector<float>> values(const std::string& name) {
    const auto found = initializers_.find(name);
    if (found == initializers_.end()) return std::nullopt;
    const Constant constant = constants_.read(*found->second);
    if (constant.dtype() != DType::f32) return std::nullopt;
    return constant.to_floats();
  }

  std::string unused(std::string name) const {
    while (initializers_.contains(name) || readers_.contains(name)) name += "_folded";
    return name;
  }

  std::string add(const std::string& name, const std::vector<std::int64_t>& dims,
                  const std::vector<float>& data) {
    proto::TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(unused(name));
    tensor.set_data_type(static_cast<int>(ElementType::f32));
    for (const std::int64_t dim : dims) tensor.add_dims(dim);
    tensor.set_raw_data(data.data(), data.size() * sizeof(float));
    initializers_[tensor.name()] = &tensor;
    return tensor.name();
  }

  static std::optional<Blocks> blocks_of(const proto::NodeProto& conv, const proto::TensorProto& weights,
                                         std::size_t channels, std::size_t elements) {
    const auto group = static_cast<std::size_t>(std::max<std::int64_t>(integer(conv, "group", 1), 1));
    Blocks blocks{channels, 1, 1, 0};
    if (weights.dims_size() < 3 || channels == 0 || channels % group != 0) return std::nullopt;
    if (conv.op_type() == "Conv") {
      if (elements % channels != 0 || weights.dims(0) != static_cast<std::int64_t>(channels))
        return std::nullopt;
      blocks.inner = elements / channels;
      return blocks;
    }
    const auto inputs = static_cast<std::size_t>(weights.dims(0));
    if (weights.dims(1) != static_cast<std::int64_t>(channels / group) || inputs == 0 ||
        inputs % group != 0 || elements % (inputs * (channels / group)) != 0)
      return std::nullopt;
    return Blocks{channels, elements / (inputs * (channels / group)), group, inputs / group};
  }

  bool fold(proto::NodeProto& conv, const proto::NodeProto& norm) {
    if (readers_[norm.input(0)] != 1 || integer(norm, "training_mode", 0) != 0) return false;
    for (int k = 1; k < norm.output_size(); ++k)
      if (!norm.output(k).empty()) return false;
    auto weights = values(conv.input(1));
    const auto gamma = values(norm.input(1)), beta = values(norm.input(2)), mean = values(norm.input(3)),
               variance = values(norm.input(4));
    if (!weights || !gamma || !beta || !mean || !variance) return false;
    const std::size_t channels = gamma->size();
    std::optional<std::vector<float>> bias = std::vector<float>(channels, 0.0F);
    if (conv.input_size() > 2 && !conv.input(2).empty()) bias = values(conv.input(2));
    if (!bias || bias->size() != channels || beta->size() != channels || mean->size() != channels ||
        variance->size() != channels)
      return false;
    const proto::TensorProto& tensor = *initializers_.at(conv.input(1));
    const auto blocks = blocks_of(conv, tensor, channels, weights->size());
    const proto::AttributeProto* attribute = find(norm, "epsilon");
    const double epsilon = attribute == nullptr ? kEpsilon : static_cast<double>(attribute->f());
    if (!blocks) return false;
    std::vector<double> factor(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      const double deviation = std::sqrt(static_cast<double>((*variance)[c]) + epsilon);
      if (!(deviation > 0)) return false;
      factor[c] = static_cast<double>((*gamma)[c]) / deviation;
      (*bias)[c] =
          static_cast<float>((static_cast<double>((*bias)[c]) - static_cast<double>((*mean)[c])) * factor[c] +
                             static_cast<double>((*beta)[c]));
    }
    for (std::size_t e = 0; e < weights->size(); ++e)
      (*weights)[e] = static_cast<float>(static_cast<double>((*weights)[e]) * factor[blocks->channel_of(e)]);
    const std::string name = norm.output(0);
    const std::vector<std::int64_t> dims(tensor.dims().begin(), tensor.dims().end());
    conv.set_input(1, add(name + "/weights", dims, *weights));
    const std::string bias_name = add(name + "/bias", {static_cast<std::int64_t>(channels)}, *bias);
    if (conv.input_size() > 2)
      conv.set_input(2, bias_name);
    else
      conv.add_input(bias_name);
    conv.set_output(0, name);
    return true;
  }

  proto::GraphProto& graph_;
  TensorReader& constants_;
  std::map<std::string, const proto::TensorProto*> initializers_;
  std::map<std::string, int> readers_;
  bool has_subgraphs_ = false;
};

}  // namespace

void fold_batch_normalization(proto::ModelProto& model, TensorReader& constants) {
  Folder(*model.mutable_graph(), constants).run();
}

}  // namespace refcalib::engine::onnx
