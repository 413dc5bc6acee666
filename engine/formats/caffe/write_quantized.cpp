#include "engine/formats/caffe/write_quantized.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/caffe/calibration_table.h"
#include "engine/formats/caffe/channel_scale.h"
#include "engine/formats/caffe/layers.h"
#include "engine/formats/caffe/net_file.h"
#include "engine/formats/caffe/topology.h"
#include "engine/formats/caffe/trained_blobs.h"
#include "engine/formats/caffe/weights_file.h"
#include "engine/formats/ir/atomic_file.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/layer_reader.h"

namespace refcalib::engine::caffe {
namespace {

constexpr double kSteps = 128;  ///< integers of a threshold
constexpr int kWidestShift = 30;

/// The floats of the Const layer of a name; nothing if there is none.
std::optional<std::vector<float>> constant_floats(const ir::Document& document, const std::string& name) {
  for (const ir::Layer& layer : document.layers)
    if (layer.name == name && layer.type == "Const" && !layer.outputs.empty())
      return ir::document_constant(document, ir::constant_blob(layer), name, DType::f32,
                                   layer.outputs[0].dims)
          .to_floats();
  return std::nullopt;
}

float threshold_of(const std::vector<QuantizationRange>& ranges) {
  float largest = 0;
  for (const QuantizationRange& range : ranges)
    largest = std::max({largest, std::fabs(range.low), std::fabs(range.high)});
  return largest;
}

double largest_magnitude(const std::vector<float>& values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::fabs(static_cast<double>(value)));
  return largest;
}

/// floor(v * factor + 1/2) within the limits, as Caffe's floats hold it.
std::vector<float> rounded(const std::vector<float>& values, double factor, double low, double high) {
  std::vector<float> result;
  for (const float value : values)
    result.push_back(
        static_cast<float>(std::clamp(std::floor(static_cast<double>(value) * factor + 0.5), low, high)));
  return result;
}

struct QuantizedLayer {
  int shift = 0;
  std::vector<float> weights, bias;
};

/// Nothing where the weights need a negative shift.
std::optional<QuantizedLayer> quantize(const std::vector<float>& weights, const std::vector<float>& bias,
                                       float tx, float ty) {
  const double factor = static_cast<double>(tx) / static_cast<double>(ty);
  const double largest = largest_magnitude(weights) * factor,
               offset = largest_magnitude(bias) * kSteps / static_cast<double>(ty);
  if (!(largest > 0) || largest >= kSteps || !std::isfinite(factor)) return std::nullopt;
  int shift = 0;
  while (shift < kWidestShift && std::ldexp(largest, shift + 1) < kSteps) ++shift;
  while (shift > 0 && std::ldexp(offset, shift) > INT16_MAX) --shift;
  QuantizedLayer result;
  result.shift = shift;
  result.weights = rounded(weights, std::ldexp(factor, shift), INT8_MIN, INT8_MAX);
  result.bias = rounded(bias, std::ldexp(kSteps / static_cast<double>(ty), shift), INT16_MIN, INT16_MAX);
  return result;
}

class Writer {
 public:
  Writer(const ir::Document& document, const ir::Annotation& annotation)
      : document_(document),
        net_(read_net_file(document.xml_path)),
        topology_(net_),
        plan_(plan(topology_)),
        weights_(document.bin_path),
        folding_(fold_channel_scales(
            topology_, plan_, [&](std::size_t i) { return trained_blobs(topology_.layer(i), weights_); })) {
    for (const ir::Annotation::Activation& entry : annotation.activations)
      thresholds_[entry.value] = threshold_of(entry.range);
    for (const ir::Annotation::Weights& entry : annotation.weights) annotated_[entry.layer] = &entry;
    for (const std::string& name : annotation.keep_float) kept_.insert(name);
  }

  void write(const std::filesystem::path& target) {
    share_thresholds();
    for (std::size_t i = 0; i < topology_.size(); ++i)
      if (plan_.translated[i] && !folding_.into.contains(i))
        in_context({"", topology_.layer(i).name(), ""}, [&] { add(i); });
    net_out_.set_name(net_.name());
    weights_out_.set_name(net_.name());
    table_.name = net_.name();
    std::string net;
    google::protobuf::TextFormat::PrintToString(net_out_, &net);
    std::filesystem::path weights_path = target, net_path = target;
    weights_path.replace_extension(".caffemodel");
    net_path.replace_extension(".prototxt");
    const std::vector<std::pair<std::filesystem::path, std::string>> files = {
        {weights_path, weights_bytes()},
        {text_table_of(weights_path), table_text(table_)},
        {binary_table_of(weights_path), table_bytes(table_)},
        {net_path, net}};
    std::vector<std::unique_ptr<ir::AtomicFile>> open;
    for (const auto& [path, content] : files) {
      open.push_back(std::make_unique<ir::AtomicFile>(path));
      open.back()->write(std::as_bytes(std::span<const char>(content)));
      open.back()->close();
    }
    for (const auto& file : open) file->commit();
  }

 private:
  std::string weights_bytes() const {
    std::string bytes;
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    weights_out_.SerializeToCodedStream(&coded);
    coded.Trim();
    return bytes;
  }

  /// The value that a top is called in the graph.
  const std::string& value_name(Top top) const {
    const proto::LayerParameter& layer = topology_.layer(top.layer);
    if (role_of(layer.type()) == LayerRole::input) return layer.top(static_cast<int>(top.rank));
    if (const auto folded = folding_.into.find(top.layer); folded != folding_.into.end())
      return topology_.layer(folded->second).name();
    return layer.name();
  }

  std::optional<float> threshold(Top top) const {
    const auto found = thresholds_.find(value_name(top));
    if (found == thresholds_.end() || !(found->second > 0)) return std::nullopt;
    return found->second;
  }

  /// In front of a ReLU stands what comes out of it: integers that it cuts off need no range.
  void share_thresholds() {
    for (std::size_t i = topology_.size(); i-- > 0;) {
      const std::string& type = topology_.layer(i).type();
      if (!plan_.translated[i] || (type != "ReLU" && type != "Flatten")) continue;
      const Top below = topology_.bottoms(i).front();
      if (const auto own = threshold({i, 0}); own && topology_.readers(below).size() == 1)
        thresholds_[value_name(below)] = *own;
    }
  }

  /// Tops under the names that readers know: what is folded in place keeps the name of its last layer.
  std::string top_name(Top top) const {
    const std::string& name = topology_.layer(top.layer).top(static_cast<int>(top.rank));
    const std::vector<std::size_t>& readers = topology_.readers(top);
    if (readers.size() == 1 && folding_.into.contains(readers.front())) return top_name({readers.front(), 0});
    return name;
  }

  void add(std::size_t i) {
    proto::LayerParameter layer = topology_.layer(i);
    proto::WeightsLayer trained;
    trained.set_name(layer.name());
    trained.set_type(layer.type());
    LayerThresholds entry;
    entry.name = layer.name();
    for (int k = 0; k < layer.top_size(); ++k) {
      const Top top{i, static_cast<std::size_t>(k)};
      layer.set_top(k, top_name(top));
      if (const auto value = threshold(top)) entry.tops.emplace_back(layer.top(k), *value);
    }
    if (is_weighted(layer.type())) {
      add_weighted(i, layer, trained, entry);
    } else {
      for (const TrainedBlob& blob : trained_blobs(topology_.layer(i), weights_))
        add_blob(trained, blob.shape, blob.values);
    }
    if (trained.blobs_size() > 0) *weights_out_.add_layer() = std::move(trained);
    if (!entry.tops.empty()) table_.layers.push_back(std::move(entry));
    layer.clear_include();
    layer.clear_exclude();
    *net_out_.add_layer() = std::move(layer);
  }

  static bool is_weighted(std::string_view type) {
    const auto types = weighted_types();
    return std::any_of(types.begin(), types.end(), [&](const LayerType& row) { return row.type == type; });
  }

  static void add_blob(proto::WeightsLayer& layer, const Shape& shape, const std::vector<float>& values) {
    proto::BlobProto& blob = *layer.add_blobs();
    for (const std::int64_t dim : shape) blob.mutable_shape()->add_dim(dim);
    blob.mutable_data()->Add(values.begin(), values.end());
  }

  /// The annotation goes by the layer that multiplies, which biases stand apart from.
  const ir::Annotation::Weights* annotation_of(const std::string& layer) const {
    for (const std::string& name : {layer, layer + "/WithoutBiases"}) {
      if (kept_.contains(name)) return nullptr;
      if (const auto found = annotated_.find(name); found != annotated_.end()) return found->second;
    }
    return nullptr;
  }

  void add_weighted(std::size_t i, proto::LayerParameter& layer, proto::WeightsLayer& trained,
                    LayerThresholds& entry) {
    const std::vector<TrainedBlob> source = trained_blobs(topology_.layer(i), weights_);
    const auto stated = constant_floats(document_, layer.name() + "/weights");
    if (source.empty() || !stated)
      throw UnsupportedError("its weights are not among those of the model that was calibrated",
                             {"", "", "name an .xml with -o"});
    std::vector<float> weights = *stated, bias = constant_floats(document_, layer.name() + "/biases")
                                                     .value_or(std::vector<float>{});
    const ir::Annotation::Weights* const found = annotation_of(layer.name());
    if (found != nullptr && found->values.size() == weights.size() && layer.type() != "Deconvolution")
      weights = found->values;
    if (found != nullptr && !found->bias.empty()) bias = found->bias;
    const auto tx = threshold(topology_.bottoms(i).front()), ty = threshold({i, 0});
    if (found != nullptr && tx && ty) {
      if (auto quantized = quantize(weights, bias, *tx, *ty)) {
        weights = std::move(quantized->weights);
        bias = std::move(quantized->bias);
        entry.right_shift = quantized->shift;
      }
    }
    add_blob(trained, source.front().shape, weights);
    if (!bias.empty()) add_blob(trained, {static_cast<std::int64_t>(bias.size())}, bias);
    if (layer.type() == "InnerProduct")
      layer.mutable_inner_product_param()->set_bias_term(!bias.empty());
    else
      layer.mutable_convolution_param()->set_bias_term(!bias.empty());
  }

  const ir::Document& document_;
  const proto::NetParameter net_;
  Topology topology_;
  Plan plan_;
  Weights weights_;
  Folding folding_;
  std::map<std::string, float> thresholds_;
  std::map<std::string, const ir::Annotation::Weights*> annotated_;
  std::set<std::string> kept_;
  proto::NetParameter net_out_;
  proto::WeightsNet weights_out_;
  CalibrationTable table_;
};

}  // namespace

std::vector<std::string> values_without_range(const ir::Document& document,
                                              const ir::Annotation& annotation) {
  return in_context({document.xml_path.string(), "", ""}, [&] {
    std::set<std::string> ranged;
    for (const ir::Annotation::Activation& entry : annotation.activations) ranged.insert(entry.value);
    const proto::NetParameter net = read_net_file(document.xml_path);
    std::vector<std::string> names;
    for (const proto::LayerParameter& layer : net.layer())
      if (role_of(layer.type()) == LayerRole::computed && !ranged.contains(layer.name()))
        names.push_back(layer.name());
    return names;
  });
}

void write_quantized(const ir::Document& document, const ir::Annotation& annotation,
                     const std::filesystem::path& target) {
  in_context({document.xml_path.string(), "", ""}, [&] { Writer(document, annotation).write(target); });
}

}  // namespace refcalib::engine::caffe
