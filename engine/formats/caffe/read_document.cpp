#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/caffe/caffe.h"
#include "engine/formats/caffe/calibration_table.h"
#include "engine/formats/caffe/channel_scale.h"
#include "engine/formats/caffe/inputs.h"
#include "engine/formats/caffe/layers.h"
#include "engine/formats/caffe/net_file.h"
#include "engine/formats/caffe/stored_integers.h"
#include "engine/formats/caffe/topology.h"
#include "engine/formats/caffe/trained_blobs.h"
#include "engine/formats/caffe/weights_file.h"

namespace refcalib::engine::caffe {
namespace {

/// Translates the layers of a network in their order.
class Translator {
 public:
  Translator(const proto::NetParameter& net, const std::filesystem::path& file, const Weights& weights,
             std::optional<CalibrationTable> table, const ir::InputShapes& shapes)
      : file_(file),
        weights_(weights),
        table_(std::move(table)),
        shapes_(shapes),
        topology_(net),
        plan_(plan(topology_)),
        builder_(net.name(), file) {}

  ir::Document run() {
    check_types();
    if (shapes_.batch && *shapes_.batch < 1) throw UsageError("the batch must be at least 1");
    for (std::size_t i = 0; i < topology_.size(); ++i)
      if (plan_.translated[i]) builder_.reserve(topology_.layer(i).name());
    folding_ = fold_channel_scales(topology_, plan_, [&](std::size_t layer) { return blobs_of(layer); });
    for (std::size_t i = 0; i < topology_.size(); ++i) {
      if (!plan_.translated[i]) continue;
      in_context({"", topology_.layer(i).name(), ""}, [&] {
        if (role_of(topology_.layer(i).type()) == LayerRole::input)
          add_inputs(i);
        else
          translate(i);
      });
    }
    check_inputs();
    add_outputs();
    return builder_.finish();
  }

 private:
  void check_types() const {
    std::map<std::string, std::vector<std::string>> unknown;
    for (std::size_t i = 0; i < topology_.size(); ++i) {
      const proto::LayerParameter& layer = topology_.layer(i);
      const LayerRole role = role_of(layer.type());
      // Layers that are left out give nothing that another could read.
      if (plan_.translated[i] && role != LayerRole::input && role != LayerRole::loss_with_activation &&
          find_layer_type(layer.type()) == nullptr)
        unknown[layer.type()].push_back(layer.name());
    }
    if (unknown.empty()) return;
    std::string text;
    for (const auto& [type, layers] : unknown) {
      text += (text.empty() ? "" : ", ") + type + " (layer '" + layers.front() + "'";
      if (layers.size() > 1) text += " and " + std::to_string(layers.size() - 1) + " more";
      text += ")";
    }
    throw UnsupportedError("unsupported layer types: " + text,
                           {"", "", "end the network in front of them, or express them by other layers"});
  }

  std::vector<TrainedBlob> blobs_of(std::size_t index) const {
    return trained_blobs(topology_.layer(index), weights_);
  }

  /// The threshold of a value, by the layer that gives it.
  std::optional<float> threshold(Top top) const {
    if (!table_) return std::nullopt;
    const LayerThresholds* const entry = table_->find(topology_.layer(top.layer).name());
    if (entry == nullptr || top.rank >= entry->tops.size()) return std::nullopt;
    return entry->tops[top.rank].second;
  }

  /// The value as integers of a threshold hold it: [-128, 127] / 128 of it.
  ValueId quantized(ValueId value, float threshold, const std::string& name) {
    const auto [found, added] = quantized_.emplace(std::pair{value, threshold}, kNone);
    if (!added) return found->second;
    const auto limit = [&](const char* suffix, float number) {
      const Shape shape(std::max<std::size_t>(1, builder_.value(value).shape.size()), 1);
      return builder_.constant(name + "/" + suffix, Constant::f32(shape, {number}));
    };
    const ValueId low = limit("low", -threshold), high = limit("high", threshold * (127.0F / 128.0F));
    found->second = builder_.helper({"FakeQuantize", 1}, name + "/quantized", {{"levels", "256"}},
                                    {value, low, high, low, high});
    return found->second;
  }

  const Shape* wanted_shape(const std::string& input) const {
    const Shape* found = nullptr;
    for (const auto& [name, shape] : shapes_.shapes) {
      if (name == input) return &shape;
      if (name.empty()) found = &shape;
    }
    return found;
  }

  Shape shape_of_input(const proto::LayerParameter& layer, int rank) {
    const std::optional<Shape> stated = input_shape(layer, rank, file_.parent_path());
    if (const Shape* wanted = wanted_shape(layer.top(rank))) {
      if (stated && stated->size() != wanted->size())
        throw UsageError("the shape " + to_string(*wanted) + " has " + std::to_string(wanted->size()) +
                         " dimensions, the input has " + std::to_string(stated->size()));
      return *wanted;
    }
    if (!stated)
      throw UnsupportedError("the file states no shape for the input", {"", "", "give it one with --shape"});
    Shape shape = *stated;
    if (shapes_.batch) {
      if (shape.empty()) throw UsageError("the input has no dimension for a batch");
      shape.front() = *shapes_.batch;
    }
    for (const std::int64_t dim : shape)
      if (dim < 1)
        throw FormatError("the input has the shape " + to_string(shape),
                          {"", "", "give it one with --shape"});
    return shape;
  }

  /// Only tops that something reads become inputs.
  void add_inputs(std::size_t index) {
    const proto::LayerParameter& layer = topology_.layer(index);
    for (int k = 0; k < layer.top_size(); ++k) {
      const Top top{index, static_cast<std::size_t>(k)};
      const auto& readers = topology_.readers(top);
      const bool read = std::any_of(readers.begin(), readers.end(), [&](std::size_t reader) {
        if (!plan_.translated[reader]) return false;
        const std::vector<Top>& bottoms = topology_.bottoms(reader);
        const bool loss = role_of(topology_.layer(reader).type()) == LayerRole::loss_with_activation;
        return !loss || bottoms.front() == top;
      });
      if (!read) continue;
      Shape shape = shape_of_input(layer, k);
      element_count(shape);
      known_inputs_.insert(layer.top(k));
      const std::string name = own_name(layer.top(k), layer.name());
      values_[top] = builder_.input(name, DType::f32, std::move(shape));
    }
  }

  /// The name itself, unless another layer bears it or will.
  std::string own_name(const std::string& wanted, const std::string& reserved) {
    const std::string name =
        wanted == reserved && !taken_.contains(wanted) ? wanted : builder_.unique_name(wanted);
    taken_.insert(name);
    return name;
  }

  void translate(std::size_t index) {
    const proto::LayerParameter& layer = topology_.layer(index);
    const std::size_t outputs = static_cast<std::size_t>(std::max(layer.top_size(), 1));
    if (const auto folded = folding_.into.find(index); folded != folding_.into.end()) {
      values_[{index, 0}] = values_.at({folded->second, 0});
      return;
    }
    const LayerRole role = role_of(layer.type());
    const std::string type =
        role == LayerRole::loss_with_activation ? contained_activation(layer.type()) : layer.type();
    std::vector<ValueId> inputs;
    for (const Top& bottom : topology_.bottoms(index)) {
      inputs.push_back(values_.at(bottom));
      if (role == LayerRole::loss_with_activation) break;
    }
    ChannelScale folded;
    if (const auto found = folding_.scales.find(index); found != folding_.scales.end())
      folded = found->second;
    std::vector<TrainedBlob> blobs = blobs_of(index);
    std::optional<StoredIntegers> integers;
    if (table_ && inputs.size() == 1) {
      const Top bottom = topology_.bottoms(index).front();
      integers = stored_integers(table_->find(layer.name()), threshold(bottom), blobs);
      if (integers)
        inputs[0] = quantized(inputs[0], *threshold(bottom), topology_.layer(bottom.layer).name() + "/input");
    }
    CaffeLayer reader(layer, own_name(layer.name(), layer.name()), std::move(inputs), std::move(blobs),
                      std::move(folded), builder_);
    if (integers) reader.set_integers(*integers);
    find_layer_type(type)->read(reader);
    for (std::size_t k = 0; k < outputs; ++k)
      if (reader.output(k) != kNone)
        values_[{index, k}] = reader.output(k);
      else
        throw UnsupportedError("top " + std::to_string(k) + " of " + layer.type() + " is not supported");
  }

  void check_inputs() const {
    if (known_inputs_.empty())
      throw FormatError("the network has no inputs", {"", "", "check that the file is complete"});
    for (const auto& [name, shape] : shapes_.shapes)
      if (!name.empty() && !known_inputs_.contains(name))
        throw UsageError("the network has no input of this name", {"", name, ""});
  }

  void add_outputs() {
    std::set<ValueId> given;
    for (const Top& output : plan_.outputs)
      if (given.insert(values_.at(output)).second) builder_.output(values_.at(output));
  }

  const std::filesystem::path& file_;
  const Weights& weights_;
  const std::optional<CalibrationTable> table_;
  const ir::InputShapes& shapes_;
  Topology topology_;
  Plan plan_;
  Folding folding_;
  ir::OpsetBuilder builder_;
  std::map<Top, ValueId> values_;
  std::map<std::pair<ValueId, float>, ValueId> quantized_;
  std::set<std::string> taken_, known_inputs_;
};

/// The table of a calibrated model, text or binary.
std::optional<CalibrationTable> table_beside(const std::filesystem::path& weights) {
  std::error_code ignored;
  for (const std::filesystem::path& path : {text_table_of(weights), binary_table_of(weights)})
    if (std::filesystem::is_regular_file(path, ignored)) return read_calibration_table(path);
  return std::nullopt;
}

}  // namespace

ir::Document read_document(const std::filesystem::path& path, const std::filesystem::path& weights,
                           const ir::InputShapes& shapes) {
  return in_context({path.string(), "", ""}, [&] {
    const proto::NetParameter net = read_net_file(path);
    std::error_code ignored;
    if (!weights.empty() && !std::filesystem::exists(weights, ignored))
      throw IoError("the weights file " + weights.string() + " does not exist", {"", "", "check -w"});
    const std::filesystem::path weights_path = weights.empty() ? weights_file_of(path) : weights;
    const Weights trained(weights_path);
    ir::Document document = Translator(net, path, trained, table_beside(weights_path), shapes).run();
    document.bin_path = weights_path;
    return document;
  });
}

std::vector<StatedPreprocessing> stated_preprocessing(const std::filesystem::path& path) {
  return in_context({path.string(), "", ""}, [&] {
    std::vector<StatedPreprocessing> result;
    const proto::NetParameter net = read_net_file(path);
    for (const proto::LayerParameter& layer : net.layer())
      if (role_of(layer.type()) == LayerRole::input)
        in_context({"", layer.name(), ""}, [&] {
          if (auto stated = preprocessing_of(layer, path.parent_path())) result.push_back(std::move(*stated));
        });
    return result;
  });
}

std::vector<std::string_view> supported_types() {
  return layer_type_names();
}

}  // namespace refcalib::engine::caffe
