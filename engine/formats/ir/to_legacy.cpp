#include "engine/formats/ir/to_legacy.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/layer_reader.h"
#include "engine/formats/ir/legacy_spelling.h"
#include "engine/formats/ir/opset_builder.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/ir/wiring.h"

namespace refcalib::engine::ir {
namespace {

using Family = std::span<const LegacySpelling> (*)() noexcept;
constexpr std::array<Family, 5> kFamilies = {weighted_spellings, elementwise_spellings, movement_spellings,
                                             reduction_spellings, detection_spellings};

constexpr int kVersion = 7;

bool is_type(const Layer& layer, std::string_view type) {
  return equal_ignoring_case(layer.type, type);
}

Constant constant_of(const Document& document, const Layer& layer) {
  const DType type =
      element_type(lower(layer.attribute("element_type") ? *layer.attribute("element_type") : ""));
  const std::string* const shape = layer.attribute("shape");
  return document_constant(document, constant_blob(layer), layer.name, type,
                           shape == nullptr ? Shape{} : Shape(parse_integers(*shape, "shape")));
}

/// The document with all that folds to constants folded, so that every layer computes.
Document folded(const Document& document) {
  const Wiring wiring(document);
  std::vector<std::size_t> roots;
  for (std::size_t i = 0; i < document.layers.size(); ++i)
    if (is_type(document.layers[i], "Result") || is_type(document.layers[i], "Parameter")) roots.push_back(i);
  const std::vector<bool> needed = wiring.leading_to(roots);
  OpsetBuilder builder(document.name, document.xml_path);
  std::vector<std::vector<ValueId>> values(document.layers.size());
  for (const Layer& layer : document.layers) builder.reserve(layer.name);
  std::vector<std::size_t> results;
  for (const std::size_t i : wiring.order()) {
    const Layer& layer = document.layers[i];
    if (!needed[i]) continue;
    if (is_type(layer, "Result")) {
      results.push_back(i);
      continue;
    }
    in_context({"", layer.name, ""}, [&] {
      std::vector<ValueId> inputs;
      for (std::size_t rank = 0; rank < wiring.input_count(i); ++rank) {
        const auto source = wiring.source(i, rank);
        inputs.push_back(values.at(source->layer).at(source->output));
      }
      const int opset = layer.version.starts_with("opset")
                            ? static_cast<int>(parse_integer(layer.version.substr(5), "version"))
                            : 1;
      if (is_type(layer, "Const")) {
        values[i] = {builder.constant(layer.name, constant_of(document, layer))};
      } else if (is_type(layer, "Parameter")) {
        const Port& port = layer.outputs.at(0);
        values[i] = {builder.input(
            layer.name, port.precision.empty() ? DType::f32 : element_type(port.precision), port.dims)};
      } else {
        values[i] = builder.add({layer.type, opset}, layer.name, layer.attributes, std::move(inputs),
                                layer.outputs.size());
      }
    });
  }
  std::sort(results.begin(), results.end());
  for (const std::size_t i : results) {
    const auto source = wiring.source(i, 0);
    builder.output(values.at(source->layer).at(source->output));
  }
  return builder.finish();
}

/// Writes the layers of a folded document one after the other.
class Translator {
 public:
  explicit Translator(const Document& source) : source_(source), wiring_(source), writer_(result_) {}

  Document run() {
    result_.xml_path = source_.xml_path;
    result_.bin_path = source_.bin_path;
    result_.name = source_.name;
    result_.version = kVersion;
    make_values();
    check_types();
    for (const Layer& layer : source_.layers)
      if (!is_type(layer, "Const")) writer_.reserve(layer.name);
    for (const std::size_t i : wiring_.order()) {
      const Layer& layer = source_.layers[i];
      if (is_type(layer, "Const") || is_type(layer, "Result")) continue;
      in_context({"", layer.name, ""}, [&] { translate(i); });
    }
    name_outputs();
    const auto bytes = std::make_shared<const std::vector<std::byte>>(std::move(result_.appended));
    result_.appended.clear();
    result_.weights = *bytes;
    result_.weights_owner = bytes;
    check_document(result_);
    return std::move(result_);
  }

 private:
  void make_values() {
    values_.resize(source_.layers.size());
    for (std::size_t i = 0; i < source_.layers.size(); ++i) {
      const Layer& layer = source_.layers[i];
      for (const Port& port : layer.outputs) {
        LegacyValue value;
        value.name = layer.name;
        value.shape = port.dims;
        value.precision = port.precision;
        if (is_type(layer, "Const")) value.constant = constant_of(source_, layer);
        values_[i].push_back(std::move(value));
      }
    }
    for (std::size_t i = 0; i < source_.layers.size(); ++i)
      for (std::size_t rank = 0; rank < wiring_.input_count(i); ++rank) {
        const auto source = wiring_.source(i, rank);
        LegacyValue& value = values_[source->layer].at(source->output);
        if (is_type(source_.layers[i], "Result"))
          value.is_output = true;
        else
          ++value.readers;
      }
  }

  void check_types() const {
    std::map<std::string, std::string> unknown;
    for (const Layer& layer : source_.layers)
      if (!is_type(layer, "Const") && !is_type(layer, "Result") && !is_type(layer, "Parameter") &&
          find_legacy_spelling(layer.type) == nullptr)
        unknown.emplace(layer.type, layer.name);
    if (unknown.empty()) return;
    std::string text;
    for (const auto& [type, layer] : unknown)
      text += (text.empty() ? "" : ", ") + type + " (layer '" + layer + "')";
    throw UnsupportedError("these operations have no form in IR version 7: " + text,
                           {"", "", "write version 11"});
  }

  void translate(std::size_t i) {
    const Layer& layer = source_.layers[i];
    std::vector<LegacyValue*> inputs, outputs;
    for (std::size_t rank = 0; rank < wiring_.input_count(i); ++rank) {
      const auto source = wiring_.source(i, rank);
      inputs.push_back(&values_[source->layer].at(source->output));
    }
    for (LegacyValue& value : values_[i]) outputs.push_back(&value);
    writer_.begin(layer, std::move(inputs), std::move(outputs));
    if (is_type(layer, "Parameter")) return writer_.add("Input", {}, {});
    find_legacy_spelling(layer.type)->write(writer_);
  }

  /// Outputs of v7 are what nothing reads. One that something reads is copied by a layer that takes its name.
  void name_outputs() {
    for (auto& list : values_)
      for (LegacyValue& value : list) {
        if (!value.is_output || (value.readers == 0 && value.layer >= 0 && !is_input(value))) continue;
        const std::string name = value.name;
        if (value.layer >= 0 && !is_input(value)) writer_.rename(value, writer_.unique_name(name + "/value"));
        Layer& copy = writer_.append(is_input(value) ? writer_.unique_name(name + "/output") : name, "Power",
                                     {{"power", "1"}, {"scale", "1"}, {"shift", "0"}}, {&value});
        Port port;
        port.id = 1;
        port.precision = value.precision;
        port.dims = value.shape;
        copy.outputs.push_back(std::move(port));
      }
  }

  bool is_input(const LegacyValue& value) const {
    const Layer* const layer = writer_.producer(value);
    return layer != nullptr && layer->type == "Input";
  }

  const Document& source_;
  Wiring wiring_;
  Document result_;
  LegacyWriter writer_;
  std::vector<std::vector<LegacyValue>> values_;  // by layer, then by output
};

}  // namespace

const LegacySpelling* find_legacy_spelling(std::string_view type) noexcept {
  for (const Family family : kFamilies)
    for (const LegacySpelling& row : family())
      if (equal_ignoring_case(row.type, type)) return &row;
  return nullptr;
}

Document to_legacy(const Document& document) {
  if (document.legacy()) return document;
  return in_context({document.xml_path.string(), "", ""}, [&] {
    const Document source = folded(document);
    return Translator(source).run();
  });
}

}  // namespace refcalib::engine::ir
