#include "engine/calibration/target_profile.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/calibration/built_in_targets.h"
#include "engine/calibration/name_pattern.h"
#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

using Json = nlohmann::json;

/// One JSON object of a profile, read field by field; what is left in the end is unknown.
class Fields {
 public:
  Fields(const Json& object, std::string path, const std::string& file)
      : object_(object), path_(std::move(path)), file_(file) {
    if (!object.is_object()) fail(path_.empty() ? "the profile" : "'" + path_ + "'", "must be an object");
  }

  [[noreturn]] void fail(const std::string& field, const std::string& why) const {
    throw FormatError(field + " " + why, {file_, {}, "see the built-in profiles in docs/methods.md"});
  }

  std::string text(const std::string& key, const std::string& fallback) {
    const Json* const value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_string()) fail(name(key), "must be a text");
    return value->get<std::string>();
  }

  /// One of `known`; the first if the field is absent.
  std::string choice(const std::string& key, const std::vector<std::string>& known) {
    const std::string value = text(key, known.front());
    require_known(name(key), value, known);
    return value;
  }

  /// Some of `known`, at least one; all if the field is absent.
  std::set<std::string> choices(const std::string& key, const std::vector<std::string>& known) {
    const std::vector<std::string> values = texts(key, known);
    if (values.empty()) fail(name(key), "must not be empty; known: " + listed(known));
    for (const std::string& value : values) require_known(name(key), value, known);
    return {values.begin(), values.end()};
  }

  std::vector<std::string> texts(const std::string& key, std::vector<std::string> fallback) {
    const Json* const value = find(key);
    if (value == nullptr) return fallback;
    const bool fits = value->is_array() && std::all_of(value->begin(), value->end(),
                                                       [](const Json& item) { return item.is_string(); });
    if (!fits) fail(name(key), "must be a list of texts");
    return value->get<std::vector<std::string>>();
  }

  int whole(const std::string& key, int fallback, int least, int most) {
    const Json* const value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_number_integer() || *value < least || *value > most)
      fail(name(key), "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return value->get<int>();
  }

  /// The object of a key; an empty one if it is absent.
  Fields object(const std::string& key) {
    static const Json empty = Json::object();
    const Json* const value = find(key);
    return {value == nullptr ? empty : *value, path_.empty() ? key : path_ + "." + key, file_};
  }

  /// Rejects fields that were not asked for.
  void finish() const {
    for (const auto& [key, value] : object_.items()) {
      if (asked_.contains(key)) continue;
      const std::string nearest = nearest_name(key, asked_);
      fail(name(key), "is no field of a profile" + (nearest.empty() ? "" : " (is '" + nearest + "' meant?)"));
    }
  }

 private:
  const Json* find(const std::string& key) {
    asked_.insert(key);
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }

  std::string name(const std::string& key) const {
    return "field '" + (path_.empty() ? key : path_ + "." + key) + "'";
  }

  static std::string listed(const std::vector<std::string>& known) {
    std::string all;
    for (const std::string& item : known) all += (all.empty() ? "" : ", ") + item;
    return all;
  }

  void require_known(const std::string& field, const std::string& value,
                     const std::vector<std::string>& known) const {
    if (std::find(known.begin(), known.end(), value) == known.end())
      fail(field, "cannot be '" + value + "'; known: " + listed(known));
  }

  const Json& object_;
  std::string path_;
  const std::string& file_;
  std::set<std::string> asked_;
};

/// Line and column of a byte, counted from 1.
std::string place_of(const std::string& text, std::size_t byte) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(byte, text.size()));
  const auto lines = std::count(text.begin(), end, '\n');
  const auto line_start = std::find(std::make_reverse_iterator(end), text.rend(), '\n').base();
  return "line " + std::to_string(lines + 1) + ", column " +
         std::to_string(std::max<std::ptrdiff_t>(end - line_start, 1));
}

Json parse(const std::string& text, const std::string& file) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw FormatError("is no JSON: " + place_of(text, error.byte) + " cannot be read",
                      {file, {}, "check commas, quotes and brackets there"});
  }
}

}  // namespace

TargetProfile parse_target(const std::string& text, const std::string& file) {
  const Json json = parse(text, file);
  const std::vector<std::string> scales{"any", "power-of-two"};
  TargetProfile target;
  Fields all(json, "", file);
  target.name = all.text("name", "");
  if (target.name.empty()) all.fail("field 'name'", "is missing");
  target.description = all.text("description", "");
  target.float_types = all.texts("float_types", {});

  Fields activations = all.object("activations");
  const auto schemes = activations.choices("schemes", {"symmetric", "asymmetric"});
  target.symmetric = schemes.contains("symmetric");
  target.asymmetric = schemes.contains("asymmetric");
  target.signed_activations = activations.choice("signedness", {"unsigned", "signed"}) == "signed";
  target.power_of_two_activations = activations.choice("scales", scales) == "power-of-two";
  activations.finish();
  if (target.asymmetric && (target.power_of_two_activations || target.signed_activations))
    activations.fail("field 'activations.schemes'",
                     "must be [\"symmetric\"] with signed activations or scales that are powers of two");

  Fields weights = all.object("weights");
  target.weight_bits = weights.whole("bits", 8, 2, 8);
  target.power_of_two_weights = weights.choice("scales", scales) == "power-of-two";
  const auto granularity = weights.choices("granularity", {"per-channel", "per-tensor"});
  target.per_channel_weights = granularity.contains("per-channel");
  target.per_tensor_weights = granularity.contains("per-tensor");
  weights.finish();
  all.finish();
  return target;
}

TargetProfile load_target(const std::string& name) {
  if (name.ends_with(".json") || name.find('/') != std::string::npos) {
    std::ifstream in(name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.is_open() || in.bad()) throw IoError("cannot read the profile of a target", {.file = name});
    return parse_target(text, name);
  }
  std::string known;
  std::set<std::string> names;
  for (const BuiltInTarget& target : built_in_target_files()) {
    if (target.name == name)
      return parse_target(std::string(target.text), std::string(target.name) + ".json");
    known += std::string(target.name) + ", ";
    names.emplace(target.name);
  }
  const std::string nearest = nearest_name(name, names);
  throw UsageError("unknown target '" + name + "'" +
                   (nearest.empty() ? "" : " (is '" + nearest + "' meant?)") + "; known: " + known +
                   "or a profile FILE.json");
}

std::vector<std::string> built_in_targets() {
  std::vector<std::string> names;
  for (const BuiltInTarget& target : built_in_target_files()) names.emplace_back(target.name);
  return names;
}

}  // namespace refcalib::engine
