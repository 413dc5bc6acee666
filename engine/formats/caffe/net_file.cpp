#include "engine/formats/caffe/net_file.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <array>
#include <climits>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/mapped_file.h"

namespace refcalib::engine::caffe {
namespace {

constexpr std::string_view kPackage = "refcalib.engine.caffe.proto.";
constexpr int kDeepestMessage = 64;  // real files nest four deep

/// Messages whose unknown fields concern training or the source of data alone.
constexpr std::array<std::string_view, 12> kOpenMessages = {
    "NetParameter",       "LayerParameter",      "V1LayerParameter",   "TransformationParameter",
    "ResizeParameter",    "DataParameter",       "ImageDataParameter", "WindowDataParameter",
    "DummyDataParameter", "MemoryDataParameter", "FillerParameter",    "SaveOutputParameter"};

/// Keeps the first thing that is wrong with a text.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int, const std::string& message) override { keep(line, message); }
  /// The parser warns of each field that it passes over: `Message type "NAME" has no field named "FIELD".`
  void AddWarning(int line, int, const std::string& message) override {
    const std::size_t begin = message.find('"'), end = message.find('"', begin + 1);
    if (begin == std::string::npos || end == std::string::npos) return;
    std::string type = message.substr(begin + 1, end - begin - 1);
    if (type.starts_with(kPackage)) type.erase(0, kPackage.size());
    if (std::find(kOpenMessages.begin(), kOpenMessages.end(), type) != kOpenMessages.end()) return;
    keep(line, type + message.substr(end + 1));
  }
  const std::string& text() const noexcept { return text_; }

 private:
  void keep(int line, std::string message) {
    if (!text_.empty()) return;
    while (!message.empty() && message.back() == '.') message.pop_back();
    std::replace_if(
        message.begin(), message.end(), [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
    text_ = "line " + std::to_string(line + 1) + ": " + message;
  }
  std::string text_;
};

/// Types of the older format by the newer one's names.
constexpr std::pair<proto::V1LayerParameter::LayerType, const char*> kTypes[] = {
    {proto::V1LayerParameter::ABSVAL, "AbsVal"},
    {proto::V1LayerParameter::ACCURACY, "Accuracy"},
    {proto::V1LayerParameter::ARGMAX, "ArgMax"},
    {proto::V1LayerParameter::BNLL, "BNLL"},
    {proto::V1LayerParameter::CONCAT, "Concat"},
    {proto::V1LayerParameter::CONTRASTIVE_LOSS, "ContrastiveLoss"},
    {proto::V1LayerParameter::CONVOLUTION, "Convolution"},
    {proto::V1LayerParameter::CROP, "Crop"},
    {proto::V1LayerParameter::DATA, "Data"},
    {proto::V1LayerParameter::DECONVOLUTION, "Deconvolution"},
    {proto::V1LayerParameter::DROPOUT, "Dropout"},
    {proto::V1LayerParameter::DUMMY_DATA, "DummyData"},
    {proto::V1LayerParameter::ELTWISE, "Eltwise"},
    {proto::V1LayerParameter::EUCLIDEAN_LOSS, "EuclideanLoss"},
    {proto::V1LayerParameter::EXP, "Exp"},
    {proto::V1LayerParameter::FLATTEN, "Flatten"},
    {proto::V1LayerParameter::HDF5_DATA, "HDF5Data"},
    {proto::V1LayerParameter::HDF5_OUTPUT, "HDF5Output"},
    {proto::V1LayerParameter::HINGE_LOSS, "HingeLoss"},
    {proto::V1LayerParameter::IM2COL, "Im2col"},
    {proto::V1LayerParameter::IMAGE_DATA, "ImageData"},
    {proto::V1LayerParameter::INFOGAIN_LOSS, "InfogainLoss"},
    {proto::V1LayerParameter::INNER_PRODUCT, "InnerProduct"},
    {proto::V1LayerParameter::LRN, "LRN"},
    {proto::V1LayerParameter::MEMORY_DATA, "MemoryData"},
    {proto::V1LayerParameter::MULTINOMIAL_LOGISTIC_LOSS, "MultinomialLogisticLoss"},
    {proto::V1LayerParameter::MVN, "MVN"},
    {proto::V1LayerParameter::POOLING, "Pooling"},
    {proto::V1LayerParameter::POWER, "Power"},
    {proto::V1LayerParameter::RELU, "ReLU"},
    {proto::V1LayerParameter::SIGMOID, "Sigmoid"},
    {proto::V1LayerParameter::SIGMOID_CROSS_ENTROPY_LOSS, "SigmoidCrossEntropyLoss"},
    {proto::V1LayerParameter::SILENCE, "Silence"},
    {proto::V1LayerParameter::SLICE, "Slice"},
    {proto::V1LayerParameter::SOFTMAX, "Softmax"},
    {proto::V1LayerParameter::SOFTMAX_LOSS, "SoftmaxWithLoss"},
    {proto::V1LayerParameter::SPLIT, "Split"},
    {proto::V1LayerParameter::TANH, "TanH"},
    {proto::V1LayerParameter::THRESHOLD, "Threshold"},
    {proto::V1LayerParameter::WINDOW_DATA, "WindowData"},
};

const char* type_name(const proto::V1LayerParameter& layer) {
  for (const auto& [type, name] : kTypes)
    if (type == layer.type()) return name;
  throw FormatError("the layer has no type", {"", layer.name(), "give it one"});
}

/// The layer in the newer format: parameters go by their names.
proto::LayerParameter upgraded(const proto::V1LayerParameter& old) {
  proto::LayerParameter layer;
  layer.set_name(old.name());
  layer.set_type(type_name(old));
  *layer.mutable_bottom() = old.bottom();
  *layer.mutable_top() = old.top();
  *layer.mutable_include() = old.include();
  *layer.mutable_exclude() = old.exclude();
  const google::protobuf::Descriptor& fields = *old.GetDescriptor();
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* from = fields.field(i);
    if (from->is_repeated() || from->message_type() == nullptr || !old.GetReflection()->HasField(old, from))
      continue;
    const auto* to = layer.GetDescriptor()->FindFieldByName(from->name());
    layer.GetReflection()->MutableMessage(&layer, to)->CopyFrom(old.GetReflection()->GetMessage(old, from));
  }
  return layer;
}

/// Whether a state with these levels and stages, in phase TEST, meets the rule.
bool meets(const proto::NetState& state, const proto::NetStateRule& rule) {
  if (rule.has_phase() && rule.phase() != proto::TEST) return false;
  if (rule.has_min_level() && state.level() < rule.min_level()) return false;
  if (rule.has_max_level() && state.level() > rule.max_level()) return false;
  const auto has = [&](const std::string& stage) {
    return std::find(state.stage().begin(), state.stage().end(), stage) != state.stage().end();
  };
  return std::all_of(rule.stage().begin(), rule.stage().end(), has) &&
         std::none_of(rule.not_stage().begin(), rule.not_stage().end(), has);
}

bool included(const proto::NetState& state, const proto::LayerParameter& layer) {
  if (layer.has_phase() && layer.phase() != proto::TEST) return false;
  if (layer.include_size() > 0 && layer.exclude_size() > 0)
    throw FormatError("the layer has rules of both kinds, include and exclude",
                      {"", layer.name(), "keep one kind"});
  const auto met = [&](const proto::NetStateRule& rule) { return meets(state, rule); };
  if (layer.include_size() > 0) return std::any_of(layer.include().begin(), layer.include().end(), met);
  return std::none_of(layer.exclude().begin(), layer.exclude().end(), met);
}

/// The fields `input` of old files as layers of type Input.
void add_inputs(const proto::NetParameter& net, proto::NetParameter& result) {
  constexpr int kDims = 4;
  if (net.input_size() == 0) return;
  if (net.input_dim_size() != 0 && net.input_dim_size() != kDims * net.input_size())
    throw FormatError("input_dim has " + std::to_string(net.input_dim_size()) + " values for " +
                          std::to_string(net.input_size()) + " inputs",
                      {"", "", "state four for each input"});
  if (net.input_shape_size() > 1 && net.input_shape_size() != net.input_size())
    throw FormatError("there are " + std::to_string(net.input_shape_size()) + " input_shape for " +
                          std::to_string(net.input_size()) + " inputs",
                      {"", "", "state one for each input"});
  for (int i = 0; i < net.input_size(); ++i) {
    proto::LayerParameter& layer = *result.add_layer();
    layer.set_name(net.input(i));
    layer.set_type("Input");
    layer.add_top(net.input(i));
    if (net.input_shape_size() > 0) {
      *layer.mutable_input_param()->add_shape() = net.input_shape(net.input_shape_size() > 1 ? i : 0);
    } else if (net.input_dim_size() > 0) {
      proto::BlobShape& shape = *layer.mutable_input_param()->add_shape();
      for (int d = 0; d < kDims; ++d) shape.add_dim(net.input_dim(kDims * i + d));
    }
  }
}

}  // namespace

void parse_text(const std::filesystem::path& path, google::protobuf::Message& message) {
  const ir::MappedFile file = ir::map_file(path);
  if (file.bytes.size() > INT_MAX) throw FormatError("the file is larger than 2 GiB");
  google::protobuf::io::ArrayInputStream stream(file.bytes.data(), static_cast<int>(file.bytes.size()));
  google::protobuf::TextFormat::Parser parser;
  FirstError errors;
  parser.RecordErrorsTo(&errors);
  parser.AllowUnknownField(true);
  parser.AllowPartialMessage(true);
  parser.SetRecursionLimit(kDeepestMessage);
  const bool parsed = parser.Parse(&stream, &message);
  if (parsed && errors.text().empty()) return;
  throw FormatError(errors.text().empty() ? "this is no text of protocol buffers" : errors.text(),
                    {"", "", "check that this is the .prototxt of a network, and complete"});
}

proto::NetParameter read_net_file(const std::filesystem::path& path) {
  proto::NetParameter file;
  parse_text(path, file);
  proto::NetParameter net;
  net.set_name(file.name());
  add_inputs(file, net);
  if (file.layer_size() > 0 && file.layers_size() > 0)
    throw FormatError("the file has layers of both formats, 'layer' and 'layers'",
                      {"", "", "convert it with Caffe's upgrade_net_proto_text"});
  std::set<std::string> names;
  const auto add = [&](proto::LayerParameter layer) {
    if (!included(file.state(), layer)) return;
    if (layer.name().empty())
      throw FormatError("a layer of type " + layer.type() + " has no name", {"", "", "give it one"});
    if (layer.type().empty()) throw FormatError("the layer has no type", {"", layer.name(), "give it one"});
    if (!names.insert(layer.name()).second)
      throw FormatError("two layers have this name", {"", layer.name(), "rename one of them"});
    *net.add_layer() = std::move(layer);
  };
  for (const proto::LayerParameter& layer : file.layer()) add(layer);
  for (const proto::V1LayerParameter& layer : file.layers()) add(upgraded(layer));
  if (net.layer_size() == 0)
    throw FormatError("the network has no layers", {"", "", "check that this is the .prototxt of a network"});
  return net;
}

}  // namespace refcalib::engine::caffe
