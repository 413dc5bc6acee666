#include "engine/formats/ir/embed_preprocessing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/layer_editor.h"
#include "engine/formats/ir/layer_reader.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

constexpr std::int64_t kColors = 3;

using Lists = std::vector<std::pair<std::string, std::vector<float>>>;

bool is_type(const Layer& layer, std::string_view type) {
  return equal_ignoring_case(layer.type, type);
}

/// The numbers for an input of so many channels; nothing if none are given.
std::optional<std::vector<float>> numbers_for(const Lists& lists, const std::string& input,
                                              std::int64_t channels, const char* what) {
  const std::vector<float>* found = nullptr;
  for (const auto& [name, values] : lists)
    if (name == input || (name.empty() && found == nullptr)) found = &values;
  if (found == nullptr) return std::nullopt;
  std::vector<float> result = *found;
  if (result.size() == 1) result.resize(static_cast<std::size_t>(channels), result.front());
  if (static_cast<std::int64_t>(result.size()) != channels)
    throw UsageError("there are " + std::to_string(result.size()) + " " + what + " values for " +
                         std::to_string(channels) + " channels",
                     {"", input, "give one, or one for each channel"});
  return result;
}

class Embedder {
 public:
  Embedder(const Document& source, const EmbeddedPreprocessing& how)
      : result_(source), editor_(result_), how_(how) {}

  Document run() {
    std::vector<int> inputs;
    for (const Layer& layer : result_.layers)
      if (is_type(layer, "Parameter") && !layer.outputs.empty() && layer.outputs[0].dims.size() >= 4)
        inputs.push_back(layer.id);
    check_names(inputs);
    for (const int id : inputs) embed(id);
    drop_unused_bytes(result_);
    return std::move(result_);
  }

 private:
  void check_names(const std::vector<int>& inputs) {
    for (const Lists* lists : {&how_.mean, &how_.scale})
      for (const auto& [name, values] : *lists) {
        const bool known =
            std::any_of(inputs.begin(), inputs.end(), [&](int id) { return editor_.layer(id).name == name; });
        if (!name.empty() && !known)
          throw UsageError("the network has no image input of this name", {"", name, ""});
      }
    if (inputs.empty())
      throw UsageError("the network has no image input, which preprocessing could belong to");
  }

  void embed(int id) {
    const std::string name = editor_.layer(id).name;
    const Port port = editor_.layer(id).outputs[0];
    const std::int64_t channels = port.dims[1];
    auto mean = numbers_for(how_.mean, name, channels, "mean");
    auto scale = numbers_for(how_.scale, name, channels, "scale");
    for (const float value : mean.value_or(std::vector<float>{}))
      if (!std::isfinite(value)) throw UsageError("a mean value is not finite", {"", name, ""});
    if (scale)
      for (float& value : *scale) {
        if (value == 0 || !std::isfinite(value))
          throw UsageError("a scale value is 0 or not finite", {"", name, ""});
        value = 1 / value;
      }
    const PortRef input{id, port.id};
    const std::vector<PortRef> readers = editor_.readers(input);
    PortRef last = input;
    int behind = id;
    if (how_.reverse_channels && channels == kColors) {
      if (reverse_in_weights(readers)) {
        if (mean) std::reverse(mean->begin(), mean->end());
        if (scale) std::reverse(scale->begin(), scale->end());
      } else {
        last = insert_reversal(behind, last, port);
        behind = last.layer;
      }
    }
    Shape shape(port.dims.size(), 1);
    shape[1] = channels;
    if (mean) last = insert(behind, name + "/mean", "Subtract", last, port, shape, *mean);
    if (scale) last = insert(last.layer, name + "/scale", "Multiply", last, port, shape, *scale);
    for (const PortRef reader : readers) editor_.reconnect(reader, last);
  }

  PortRef insert(int behind, const std::string& name, const char* type, PortRef from, const Port& port,
                 const Shape& shape, const std::vector<float>& values) {
    const PortRef constant = editor_.insert_constant(behind, name + "/values", DType::f32, shape, values);
    Layer& layer = editor_.insert(constant.layer, name, type);
    const PortRef x = LayerEditor::add_input(layer, "FP32", port.dims),
                  c = LayerEditor::add_input(layer, "FP32", shape),
                  out = LayerEditor::add_output(layer, "FP32", port.dims);
    editor_.connect(from, x);
    editor_.connect(constant, c);
    return out;
  }

  PortRef insert_reversal(int behind, PortRef from, const Port& port) {
    const std::string name = editor_.layer(from.layer).name + "/reversed";
    constexpr std::array<std::int64_t, 3> order = {2, 1, 0};
    constexpr std::array<std::int64_t, 1> axis = {1};
    const PortRef indices = editor_.insert_constant(behind, name + "/order", {kColors}, order);
    const PortRef along = editor_.insert_constant(indices.layer, name + "/axis", {}, axis);
    Layer& layer = editor_.insert(along.layer, name, "Gather");
    const PortRef x = LayerEditor::add_input(layer, "FP32", port.dims),
                  i = LayerEditor::add_input(layer, "I64", {kColors}),
                  a = LayerEditor::add_input(layer, "I64", {}),
                  out = LayerEditor::add_output(layer, "FP32", port.dims);
    editor_.connect(from, x);
    editor_.connect(indices, i);
    editor_.connect(along, a);
    return out;
  }

  /// Exchanges the first and last input channel in the weights of all readers; false if one of them is no plain convolution.
  bool reverse_in_weights(const std::vector<PortRef>& readers) {
    std::vector<std::pair<int, Constant>> found;
    for (const PortRef reader : readers) {
      const Layer& layer = editor_.layer(reader.layer);
      if (!is_type(layer, "Convolution") || layer.inputs.size() != 2) return false;
      const Layer& weights = editor_.layer(editor_.source(layer, 1).layer);
      const std::string* const type = weights.attribute("element_type");
      if (!is_type(weights, "Const") || type == nullptr || element_type(*type) != DType::f32) return false;
      found.emplace_back(layer.id, document_constant(result_, constant_blob(weights), weights.name,
                                                     DType::f32, weights.outputs.at(0).dims));
    }
    for (const auto& [id, constant] : found) {
      const Shape& shape = constant.shape();  // [M, C, k…]
      std::vector<float> values = constant.to_floats();
      const auto each = static_cast<std::size_t>(element_count(shape) / shape[0] / kColors);
      for (std::size_t m = 0; m < static_cast<std::size_t>(shape[0]); ++m) {
        const auto first = values.begin() + static_cast<std::ptrdiff_t>(m * kColors * each);
        std::swap_ranges(first, first + static_cast<std::ptrdiff_t>(each),
                         first + static_cast<std::ptrdiff_t>(2 * each));
      }
      const PortRef old = editor_.source(editor_.layer(id), 1);
      const std::string name = editor_.layer(old.layer).name + "/reversed";
      const PortRef reversed = editor_.insert_constant(old.layer, name, DType::f32, shape, values);
      const Layer& layer = editor_.layer(id);
      editor_.reconnect({id, layer.inputs[1].id}, reversed);
    }
    editor_.remove_unread_constants();
    return true;
  }

  Document result_;
  LayerEditor editor_;
  const EmbeddedPreprocessing& how_;
};

}  // namespace

Document embed_preprocessing(const Document& document, const EmbeddedPreprocessing& preprocessing) {
  if (preprocessing.empty()) return document;
  if (document.legacy())
    throw UsageError("preprocessing cannot be put into an IR of version " + std::to_string(document.version),
                     {document.xml_path.string(), "", "convert the original model"});
  return in_context({document.xml_path.string(), "", ""},
                    [&] { return Embedder(document, preprocessing).run(); });
}

}  // namespace refcalib::engine::ir
