#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/formats/tables/table_formats.h"

// The project's own table: JSON that states all that a CalibrationTable holds. A value is named as in the network; of an entry with
// "place": "input" the name is that of the layer that reads it.

namespace refcalib::engine::tables {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMark = "refcalib_table";
constexpr int kVersion = 1;

bool recognises(std::string_view text) {
  return text.find(kMark) != std::string_view::npos;
}

const Json& member(const Json& object, const char* key, bool (Json::*is)() const noexcept,
                   const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || !((*found).*is)())
    throw FormatError(where + " has no valid '" + std::string(key) + "'");
  return *found;
}

/// The objects of a list that may be absent.
std::vector<Json> objects(const Json& root, const char* key) {
  if (!root.contains(key)) return {};
  std::vector<Json> list;
  for (const Json& item : member(root, key, &Json::is_array, "the table")) {
    if (!item.is_object()) throw FormatError("an entry of '" + std::string(key) + "' is no object");
    list.push_back(item);
  }
  return list;
}

ActivationEntry activation(const Json& item) {
  ActivationEntry entry;
  entry.name = member(item, "name", &Json::is_string, "an activation").get<std::string>();
  const std::string where = "activation '" + entry.name + "'";
  entry.low = member(item, "low", &Json::is_number, where).get<double>();
  entry.high = member(item, "high", &Json::is_number, where).get<double>();
  entry.symmetric =
      item.contains("symmetric") && member(item, "symmetric", &Json::is_boolean, where).get<bool>();
  if (!(entry.low <= 0 && entry.high >= 0 && entry.low < entry.high))
    throw FormatError(where + " has limits that do not lie around zero");
  if (item.contains("place")) {
    const auto place = member(item, "place", &Json::is_string, where).get<std::string>();
    if (place != "input" && place != "output")
      throw FormatError(where + " has the place '" + place + "'; known: input, output");
    if (place == "input") entry.place = ActivationEntry::Place::input;
  }
  if (item.contains("observed")) {
    const Json& pair = member(item, "observed", &Json::is_array, where);
    if (pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number())
      throw FormatError(where + " has an 'observed' that is not [min, max]");
    entry.observed = {pair[0].get<double>(), pair[1].get<double>()};
  }
  return entry;
}

WeightEntry weights(const Json& item) {
  WeightEntry entry;
  entry.layer = member(item, "layer", &Json::is_string, "an entry of weights").get<std::string>();
  const std::string where = "the weights of '" + entry.layer + "'";
  for (const Json& limit : member(item, "limits", &Json::is_array, where)) {
    if (!limit.is_number() || !(limit.get<double>() >= 0))
      throw FormatError(where + " have a limit that is no number from 0 on");
    entry.limits.push_back(limit.get<double>());
  }
  if (entry.limits.empty()) throw FormatError(where + " have no limits");
  return entry;
}

CalibrationTable read(std::string_view text) {
  const Json root = Json::parse(text, nullptr, false);
  if (root.is_discarded() || !root.is_object()) throw FormatError("is not a JSON object");
  if (member(root, kMark, &Json::is_number_integer, "the table").get<int>() != kVersion)
    throw UnsupportedError("is a table of a newer version");
  CalibrationTable table;
  for (const Json& item : objects(root, "activations")) table.activations.push_back(activation(item));
  for (const Json& item : objects(root, "weights")) table.weights.push_back(weights(item));
  return table;
}

std::string write(const CalibrationTable& table) {
  Json root{{kMark, kVersion}, {"activations", Json::array()}, {"weights", Json::array()}};
  for (const ActivationEntry& entry : table.activations) {
    Json item{{"name", entry.name}, {"low", entry.low}, {"high", entry.high}, {"symmetric", entry.symmetric}};
    if (entry.place == ActivationEntry::Place::input) item["place"] = "input";
    if (entry.observed) item["observed"] = {entry.observed->first, entry.observed->second};
    root["activations"].push_back(std::move(item));
  }
  for (const WeightEntry& entry : table.weights)
    root["weights"].push_back({{"layer", entry.layer}, {"limits", entry.limits}});
  constexpr int indent = 1;
  return root.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

extern const TableFormat refcalib_format;
const TableFormat refcalib_format{"refcalib", "the project's own table", recognises, read, write};

}  // namespace refcalib::engine::tables
