#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/core/error_context.h"
#include "engine/evaluation/annotation/converter.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct CocoFile {
  std::map<std::int64_t, std::string> names;                 ///< of the categories
  std::vector<std::pair<std::int64_t, std::string>> images;  ///< id and file
  std::map<std::int64_t, std::vector<json>> objects;         ///< by image
};

CocoFile read_coco(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw IoError("cannot open the annotation", {.file = path.string()});
  try {
    const json all = json::parse(in);
    CocoFile coco;
    for (const json& category : all.at("categories")) coco.names[category.at("id")] = category.at("name");
    for (const json& image : all.at("images"))
      coco.images.emplace_back(image.at("id"), image.at("file_name"));
    for (const json& object : all.at("annotations"))
      coco.objects[object.at("image_id").get<std::int64_t>()].push_back(object);
    return coco;
  } catch (const json::exception& error) {
    throw FormatError("not a COCO annotation: " + std::string(error.what()), {.file = path.string()});
  }
}

/// The labels of the categories: their own numbers, or 0, 1, … (from 1 on with a background) in their order.
std::map<std::int64_t, std::int64_t> read_labels(Fields& fields, const CocoFile& coco, DatasetMeta& meta) {
  const bool background = fields.flag("has_background", false);
  const bool full = fields.flag("use_full_label_map", false);
  std::map<std::int64_t, std::int64_t> labels;
  std::int64_t next = background ? 1 : 0;
  if (background) {
    meta.label_maps["label_map"][0] = "background";
    meta.background = 0;
  }
  for (const auto& [id, name] : coco.names) {
    labels[id] = full ? id : next++;
    meta.label_maps["label_map"][labels[id]] = name;
  }
  return labels;
}

AnnotationSet convert_detection(Fields& fields, const ConverterPaths& paths) {
  const fs::path file = paths.existing(fields, "annotation_file");
  CocoFile coco = read_coco(file);
  AnnotationSet set;
  const auto labels = read_labels(fields, coco, set.meta);
  paths.optional(fields, "images_dir");
  if (fields.flag("sort_annotations", true)) std::stable_sort(coco.images.begin(), coco.images.end());
  for (const auto& [id, name] : coco.images) {
    BoxTruth truth;
    for (const json& object : coco.objects[id]) try {
        const auto box = object.at("bbox").get<std::vector<double>>();
        if (box.size() != 4) throw FormatError("a bbox has not four numbers");
        truth.boxes.push_back({box[0], box[1], box[0] + box[2], box[1] + box[3]});
        truth.labels.push_back(labels.at(object.at("category_id").get<std::int64_t>()));
        truth.crowd.push_back(object.value("iscrowd", 0) != 0 ? 1 : 0);
      } catch (const std::exception& error) {
        throw FormatError("picture '" + name + "' has a wrong object: " + error.what(),
                          {.file = file.string()});
      }
    set.add({name}, std::move(truth));
  }
  return set;
}

/// Masks that were drawn from the annotation lie in mask_dir as NAME.png.
AnnotationSet convert_segmentation(Fields& fields, const ConverterPaths& paths) {
  const fs::path file = paths.existing(fields, "annotation_file");
  CocoFile coco = read_coco(file);
  AnnotationSet set;
  read_labels(fields, coco, set.meta);
  paths.optional(fields, "images_dir");
  const std::string folder = fields.text("mask_dir", "");
  std::stable_sort(coco.images.begin(), coco.images.end());
  for (const auto& [id, name] : coco.images)
    set.add({name}, MaskTruth{(fs::path(folder) / fs::path(name).stem()).generic_string() + ".png", {}});
  return set;
}

}  // namespace

extern const ConverterRecord mscoco_detection_converter{
    .name = "mscoco_detection",
    .summary = "instances of COCO's JSON (annotation_file)",
    .convert = convert_detection};
extern const ConverterRecord mscoco_segmentation_converter{
    .name = "mscoco_segmentation",
    .summary = "pictures of COCO's JSON (annotation_file) with masks mask_dir/NAME.png",
    .convert = convert_segmentation};

}  // namespace refcalib::engine
