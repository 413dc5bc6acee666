#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/formats/tables/table_formats.h"

// AIMET's encodings, JSON. Up to version 0.6.1 activation_encodings and param_encodings map a name to a list with one encoding, or one per
// channel: bitwidth, dtype, is_symmetric ("True"), min, max, offset, scale. Version 1.0.0 has lists of {name, dtype, enc_type, bw, is_sym,
// scale […], offset […]}. real = scale * (q + offset), q from 0 to 255. Parameters bear the names of tensors: LAYER.weight.

namespace refcalib::engine::tables {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kWeight = ".weight";
constexpr std::int64_t kBits = 8;
constexpr double kLast = 255;                   // the largest integer
constexpr double kMiddle = -128, kSteps = 127;  // offset of symmetric grids, and their steps to the limit

bool recognises(std::string_view text) {
  return text.find("activation_encodings") != std::string_view::npos;
}

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw FormatError("the encoding of '" + name + "' " + why);
}

double number(const Json& encoding, const char* key, const std::string& name) {
  const auto found = encoding.find(key);
  if (found == encoding.end() || !found->is_number()) fail(name, "has no number '" + std::string(key) + "'");
  return found->get<double>();
}

bool truth(const Json& value) {
  return value.is_boolean() ? value.get<bool>() : value.is_string() && value.get<std::string>() == "True";
}

/// One grid of 256 levels.
struct Grid {
  double scale = 0, offset = 0;
  bool symmetric = false;
  double low() const { return scale * offset; }
  double high() const { return scale * (kLast + offset); }
};

/// The grids of one name, in either version's form; none if it does not have 8 bits.
std::vector<Grid> grids(const Json& stated, const std::string& name, CalibrationTable& table) {
  std::vector<Grid> list;
  const auto add = [&](double scale, double offset, bool symmetric) {
    if (!(scale > 0)) fail(name, "has the scale " + std::to_string(scale));
    if (!(offset <= 0 && offset >= -kLast)) fail(name, "has the offset " + std::to_string(offset));
    list.push_back({scale, offset, symmetric});
  };
  const auto has_bits = [&](const Json& encoding, const char* bits) {
    const bool whole = !encoding.contains("dtype") || !encoding.at("dtype").is_string() ||
                       encoding.at("dtype") == "int" || encoding.at("dtype") == "INT";
    if (whole && encoding.contains(bits) && encoding.at(bits) == kBits) return true;
    table.notes.push_back("'" + name + "' is not of 8-bit integers and is left out");
    return false;
  };
  if (stated.is_array()) {
    for (const Json& encoding : stated) {
      if (!encoding.is_object()) fail(name, "is no object");
      if (!has_bits(encoding, "bitwidth")) return {};
      const double scale = number(encoding, "scale", name), offset = number(encoding, "offset", name);
      add(scale, offset, encoding.contains("is_symmetric") && truth(encoding.at("is_symmetric")));
    }
    return list;
  }
  if (!stated.is_object()) fail(name, "is no object");
  if (!has_bits(stated, "bw")) return {};
  const Json scales = stated.value("scale", Json::array()), offsets = stated.value("offset", Json::array());
  if (!scales.is_array() || scales.empty() || !offsets.is_array() || offsets.size() != scales.size())
    fail(name, "has no lists 'scale' and 'offset' of one length");
  for (std::size_t c = 0; c < scales.size(); ++c) {
    if (!scales[c].is_number() || !offsets[c].is_number()) fail(name, "has a scale that is no number");
    add(scales[c].get<double>(), offsets[c].get<double>(),
        stated.contains("is_sym") && truth(stated.at("is_sym")));
  }
  return list;
}

/// Calls f(name, encodings) for each entry of a section in either version's form.
template <class F>
void for_each_entry(const Json& root, const char* section, const F& f) {
  const auto found = root.find(section);
  if (found == root.end()) return;
  if (found->is_object()) {
    for (const auto& [name, encodings] : found->items()) f(name, encodings);
    return;
  }
  if (!found->is_array()) throw FormatError("'" + std::string(section) + "' is neither an object nor a list");
  for (const Json& entry : *found) {
    if (!entry.is_object() || !entry.contains("name") || !entry.at("name").is_string())
      throw FormatError("an entry of '" + std::string(section) + "' has no name");
    f(entry.at("name").get<std::string>(), entry);
  }
}

CalibrationTable read(std::string_view text) {
  const Json root = Json::parse(text, nullptr, false);
  if (root.is_discarded() || !root.is_object()) throw FormatError("is not a JSON object");
  CalibrationTable table;
  for_each_entry(root, "activation_encodings", [&](const std::string& name, const Json& encodings) {
    const std::vector<Grid> list = grids(encodings, name, table);
    if (list.empty()) return;
    if (list.size() > 1) fail(name, "is one per channel, which activations do not have here");
    const Grid& grid = list.front();
    const bool symmetric = grid.symmetric && grid.offset == kMiddle;
    table.activations.push_back({name,
                                 ActivationEntry::Place::output,
                                 symmetric ? -grid.high() : grid.low(),
                                 grid.high(),
                                 symmetric,
                                 {}});
  });
  for_each_entry(root, "param_encodings", [&](const std::string& name, const Json& encodings) {
    if (name.ends_with(".bias")) return;  // added in 32 bits
    const std::vector<Grid> list = grids(encodings, name, table);
    if (list.empty()) return;
    WeightEntry entry{name.ends_with(kWeight) ? name.substr(0, name.size() - kWeight.size()) : name, {}};
    for (const Grid& grid : list) entry.limits.push_back(kSteps * grid.scale);
    table.weights.push_back(std::move(entry));
  });
  return table;
}

Json encoding(double scale, double offset, bool symmetric) {
  return {{"bitwidth", kBits},
          {"dtype", "int"},
          {"is_symmetric", symmetric ? "True" : "False"},
          {"max", scale * (kLast + offset)},
          {"min", scale * offset},
          {"offset", static_cast<std::int64_t>(offset)},
          {"scale", scale}};
}

std::string write(const CalibrationTable& table) {
  Json root{
      {"version", "0.6.1"}, {"activation_encodings", Json::object()}, {"param_encodings", Json::object()}};
  for (const ActivationEntry& entry : table.activations) {
    if (entry.place != ActivationEntry::Place::output) continue;
    const double scale = entry.symmetric ? entry.threshold() / kSteps : (entry.high - entry.low) / kLast;
    const double offset = entry.symmetric ? kMiddle : std::nearbyint(entry.low / scale);
    root["activation_encodings"][entry.name] = Json::array({encoding(scale, offset, entry.symmetric)});
  }
  for (const WeightEntry& entry : table.weights) {
    Json list = Json::array();
    for (const double limit : entry.limits)
      list.push_back(encoding((limit > 0 ? limit : 1) / kSteps, kMiddle, true));
    root["param_encodings"][entry.layer + std::string(kWeight)] = std::move(list);
  }
  constexpr int indent = 2;
  return root.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

extern const TableFormat aimet_format;
const TableFormat aimet_format{"aimet", "encodings of AIMET", recognises, read, write};

}  // namespace refcalib::engine::tables
