#include "engine/evaluation/annotation/annotation_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/core/error_context.h"
#include "engine/evaluation/configuration/fields.h"
#include "engine/evaluation/output_file.h"

namespace refcalib::engine {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kFormat = "refcalib annotations";
constexpr int kVersion = 1;

std::string read_text(const fs::path& path, const char* what) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path, ignored))
    throw IoError(std::string("cannot open the ") + what, {.file = path.string()});
  return {std::istreambuf_iterator<char>(in), {}};
}

Json parse(const std::string& text) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw FormatError("not valid JSON: " + std::string(error.what()));
  }
}

/// A member of an object as a type. Throws FormatError that names it.
template <class T>
T member(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key))
    throw FormatError(std::string("'") + key + "' is missing");
  try {
    return object[key].get<T>();
  } catch (const Json::exception&) {
    throw FormatError(std::string("'") + key + "' is of another type than expected");
  }
}

template <class T>
T member(const Json& object, const char* key, T otherwise) {
  return object.is_object() && object.contains(key) ? member<T>(object, key) : otherwise;
}

// --- meta -------------------------------------------------------------------------------------------------

bool is_label_map(const Json& value) {
  if (!value.is_object() || value.empty()) return false;
  for (const auto& [key, name] : value.items())
    if (!parse_number(key) || !name.is_string()) return false;
  return true;
}

DatasetMeta meta_of(const Json& json) {
  DatasetMeta meta;
  if (json.is_array()) {
    std::int64_t label = 0;
    for (const Json& name : json)
      meta.label_maps["label_map"][label++] = name.is_string() ? name.get<std::string>() : name.dump();
    return meta;
  }
  if (!json.is_object()) throw FormatError("an object with 'label_map' is expected");
  for (const auto& [key, value] : json.items()) {
    if (key == "label_map" && value.is_array()) {
      std::int64_t label = 0;
      for (const Json& name : value)
        meta.label_maps[key][label++] = name.is_string() ? name.get<std::string>() : name.dump();
    } else if (is_label_map(value)) {
      for (const auto& [label, name] : value.items())
        meta.label_maps[key][static_cast<std::int64_t>(*parse_number(label))] = name.get<std::string>();
    } else if (key == "labels" && value.is_array()) {
      std::int64_t label = 0;
      for (const Json& name : value)
        meta.label_maps["label_map"][label++] = name.is_string() ? name.get<std::string>() : name.dump();
    }
  }
  // An old converter misspelt the key.
  for (const char* key : {"background_label", "backgound_label"})
    if (json.contains(key) && !json[key].is_null()) meta.background = member<std::int64_t>(json, key);
  if (json.contains("segmentation_colors") && !json["segmentation_colors"].is_null())
    meta.segmentation_colors = member<std::vector<std::vector<std::int64_t>>>(json, "segmentation_colors");
  return meta;
}

Json json_of(const DatasetMeta& meta) {
  Json json = Json::object();
  for (const auto& [map, labels] : meta.label_maps) {
    Json& into = json[map] = Json::object();
    for (const auto& [label, name] : labels) into[std::to_string(label)] = name;
  }
  if (meta.background) json["background_label"] = *meta.background;
  if (!meta.segmentation_colors.empty()) json["segmentation_colors"] = meta.segmentation_colors;
  return json;
}

// --- samples ----------------------------------------------------------------------------------------------

Json numbers(const std::vector<std::uint8_t>& flags) {
  Json list = Json::array();
  for (std::size_t i = 0; i < flags.size(); ++i)
    if (flags[i] != 0) list.push_back(i);
  return list;
}

std::vector<std::uint8_t> flags(const Json& json, const char* key, std::size_t count) {
  std::vector<std::uint8_t> out(count, 0);
  for (const std::size_t i : member<std::vector<std::size_t>>(json, key, {})) {
    if (i >= count)
      throw FormatError(std::string("'") + key + "' names box " + std::to_string(i) + " of " +
                        std::to_string(count));
    out[i] = 1;
  }
  return out;
}

struct Writer {
  Json& json;
  void operator()(const ClassTruth& t) const { json["label"] = t.label; }
  void operator()(const ValuesTruth& t) const { json["values"] = t.values; }
  void operator()(const MaskTruth& t) const {
    if (t.height == 0) {
      json["mask"] = t.file;
      return;
    }
    Json objects = Json::array();
    for (const MaskTruth::Object& object : t.objects)
      objects.push_back({{"label", object.label}, {"counts", object.region.text()}});
    json["mask"] = {{"size", {t.height, t.width}}, {"objects", std::move(objects)}};
  }
  void operator()(const PictureTruth& t) const { json["picture"] = t.file; }
  void operator()(const ItemTruth& t) const {
    json["user"] = t.user;
    json["item"] = t.item;
    json["positive"] = t.positive;
  }
  void operator()(const BoxTruth& t) const {
    json["boxes"] = Json::array();
    for (const Box& b : t.boxes) json["boxes"].push_back({b.x1, b.y1, b.x2, b.y2});
    json["labels"] = t.labels;
    if (const Json list = numbers(t.difficult); !list.empty()) json["difficult"] = list;
    if (const Json list = numbers(t.crowd); !list.empty()) json["crowd"] = list;
  }
};

BoxTruth boxes_of(const Json& json) {
  BoxTruth truth;
  for (const auto& b : member<std::vector<std::vector<double>>>(json, "boxes")) {
    if (b.size() != 4) throw FormatError("a box must be [x1, y1, x2, y2]");
    truth.boxes.push_back({b[0], b[1], b[2], b[3]});
  }
  truth.labels = member<std::vector<std::int64_t>>(json, "labels");
  if (truth.labels.size() != truth.boxes.size())
    throw FormatError("there are " + std::to_string(truth.boxes.size()) + " boxes and " +
                      std::to_string(truth.labels.size()) + " labels");
  truth.difficult = flags(json, "difficult", truth.boxes.size());
  truth.crowd = flags(json, "crowd", truth.boxes.size());
  return truth;
}

MaskTruth mask_of(const Json& json) {
  if (json.is_string()) return {json.get<std::string>()};
  MaskTruth truth;
  const auto size = member<std::vector<int>>(json, "size");
  constexpr int largest = 1 << 15;
  if (size.size() != 2 || std::min(size[0], size[1]) < 1 || std::max(size[0], size[1]) > largest)
    throw FormatError("'size' of a mask must be [height, width]");
  truth.height = size[0];
  truth.width = size[1];
  for (const Json& object : member<Json>(json, "objects"))
    truth.objects.push_back(
        {member<std::int64_t>(object, "label"),
         object.contains("counts") && object["counts"].is_array()
             ? RunLengths::from_counts(member<std::vector<std::uint32_t>>(object, "counts"), size[0], size[1])
             : RunLengths::from_text(member<std::string>(object, "counts"), size[0], size[1])});
  return truth;
}

Truth truth_of(const Json& json) {
  if (json.contains("boxes")) return boxes_of(json);
  if (json.contains("label")) return ClassTruth{member<std::int64_t>(json, "label")};
  if (json.contains("mask")) return mask_of(json["mask"]);
  if (json.contains("values")) return ValuesTruth{member<std::vector<double>>(json, "values")};
  if (json.contains("picture")) return PictureTruth{member<std::string>(json, "picture"), {}};
  if (json.contains("user"))
    return ItemTruth{member<std::int64_t>(json, "user"), member<std::int64_t>(json, "item"),
                     member<bool>(json, "positive")};
  throw FormatError("none of 'label', 'boxes', 'mask', 'values', 'picture' and 'user' is given");
}

Annotation annotation_of(const Json& json) {
  if (!json.is_object() || !json.contains("id")) throw FormatError("'id' is missing");
  Annotation out;
  out.ids = json["id"].is_array() ? member<std::vector<std::string>>(json, "id")
                                  : std::vector<std::string>{member<std::string>(json, "id")};
  out.truth = truth_of(json);
  return out;
}

AnnotationSet set_of(const Json& json) {
  if (!json.is_object() || member<std::string>(json, "format", "") != kFormat)
    throw FormatError("no annotations of refcalib", {.remedy = "make them with refcalib convert-annotation"});
  const int version = member<int>(json, "version");
  if (version != kVersion)
    throw UnsupportedError("annotations of version " + std::to_string(version) + "; known is " +
                           std::to_string(kVersion));
  AnnotationSet set;
  set.meta = meta_of(json.value("meta", Json::object()));
  const Json& samples = json.contains("annotations") ? json["annotations"] : Json();
  if (!samples.is_array()) throw FormatError("'annotations' must be a list");
  for (std::size_t i = 0; i < samples.size(); ++i)
    in_context({.layer = "annotation " + std::to_string(i)},
               [&] { set.samples.push_back(annotation_of(samples[i])); });
  for (const Annotation& a : set.samples)
    if (a.truth.index() != set.samples.front().truth.index())
      throw FormatError("'" + a.name() + "' has " + std::string(name_of(a.truth)) + ", others " +
                        std::string(name_of(set.samples.front().truth)));
  return set;
}

void write_text(const fs::path& path, const std::string& text) {
  OutputFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace

void AnnotationSet::add(std::vector<std::string> ids, Truth truth) {
  Annotation& sample = samples.emplace_back();
  sample.ids = std::move(ids);
  sample.truth = std::move(truth);
}

std::string to_json(const AnnotationSet& set) {
  // One sample a line: readable, and differences between two files can be seen.
  std::string text = "{\n  \"format\": \"" + std::string(kFormat) +
                     "\",\n  \"version\": " + std::to_string(kVersion) +
                     ",\n  \"meta\": " + json_of(set.meta).dump() + ",\n  \"annotations\": [";
  for (std::size_t i = 0; i < set.samples.size(); ++i) {
    Json json = Json::object();
    if (set.samples[i].ids.size() == 1)
      json["id"] = set.samples[i].ids.front();
    else
      json["id"] = set.samples[i].ids;
    std::visit(Writer{json}, set.samples[i].truth);
    try {
      text += (i == 0 ? "\n    " : ",\n    ") + json.dump();
    } catch (const Json::exception&) {
      throw FormatError("the name of sample " + std::to_string(i) + " is not valid UTF-8",
                        {.remedy = "rename the file"});
    }
  }
  return text + "\n  ]\n}\n";
}

AnnotationSet parse_annotations(const std::string& text, const std::string& file) {
  return in_context({.file = file}, [&] { return set_of(parse(text)); });
}

bool is_json(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  char first = 0;
  return static_cast<bool>(in >> first) && first == '{';
}

AnnotationSet read_annotations(const fs::path& path) {
  const std::string text = read_text(path, "annotation");
  const bool named_pickle = path.extension() == ".pickle" || path.extension() == ".pkl";
  if (text.starts_with('\x80') || (named_pickle && !is_json(path)))
    throw UnsupportedError("annotations of the Accuracy Checker (Python pickles) are not read",
                           {.file = path.string(),
                            .remedy = "make a JSON file with refcalib convert-annotation CONVERTER … -a " +
                                      path.stem().string() + ".json and name that"});
  return parse_annotations(text, path.string());
}

void write_annotations(const fs::path& path, const AnnotationSet& set) {
  write_text(path, in_context({.file = path.string()}, [&] { return to_json(set); }));
}

DatasetMeta read_dataset_meta(const fs::path& path) {
  const std::string text = read_text(path, "dataset_meta");
  return in_context({.file = path.string()}, [&] { return meta_of(parse(text)); });
}

void write_dataset_meta(const fs::path& path, const DatasetMeta& meta) {
  write_text(path, json_of(meta).dump(2) + "\n");
}

}  // namespace refcalib::engine
