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

struct CocoImage {
  std::int64_t id = 0;
  std::string file;
  int height = 0, width = 0;  ///< 0: not stated
};

struct CocoFile {
  std::map<std::int64_t, std::string> names;  ///< of the categories
  std::vector<CocoImage> images;
  std::map<std::int64_t, std::vector<json>> objects;  ///< by image
};

CocoFile read_coco(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw IoError("cannot open the annotation", {.file = path.string()});
  try {
    const json all = json::parse(in);
    CocoFile coco;
    for (const json& category : all.at("categories")) coco.names[category.at("id")] = category.at("name");
    for (const json& image : all.at("images"))
      coco.images.push_back(
          {image.at("id"), image.at("file_name"), image.value("height", 0), image.value("width", 0)});
    for (const json& object : all.at("annotations"))
      coco.objects[object.at("image_id").get<std::int64_t>()].push_back(object);
    return coco;
  } catch (const json::exception& error) {
    throw FormatError("not a COCO annotation: " + std::string(error.what()), {.file = path.string()});
  }
}

void sort_images(Fields& fields, CocoFile& coco) {
  if (fields.flag("sort_annotations", true))
    std::ranges::stable_sort(coco.images, {}, [](const CocoImage& i) { return std::pair(i.id, i.file); });
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

std::int64_t label_of(const json& object, const std::map<std::int64_t, std::int64_t>& labels) {
  const auto category = object.at("category_id").get<std::int64_t>();
  const auto found = labels.find(category);
  if (found == labels.end())
    throw FormatError("an object is of category " + std::to_string(category) +
                      ", which the file does not list");
  return found->second;
}

AnnotationSet convert_detection(Fields& fields, const ConverterPaths& paths) {
  const fs::path file = paths.existing(fields, "annotation_file");
  CocoFile coco = read_coco(file);
  AnnotationSet set;
  const auto labels = read_labels(fields, coco, set.meta);
  paths.optional(fields, "images_dir");
  sort_images(fields, coco);
  for (const auto& [id, name, height, width] : coco.images) {
    BoxTruth truth;
    for (const json& object : coco.objects[id]) try {
        const auto box = object.at("bbox").get<std::vector<double>>();
        if (box.size() != 4) throw FormatError("a bbox has not four numbers");
        truth.boxes.push_back({box[0], box[1], box[0] + box[2], box[1] + box[3]});
        truth.labels.push_back(label_of(object, labels));
        truth.crowd.push_back(object.value("iscrowd", 0) != 0 ? 1 : 0);
      } catch (const std::exception& error) {
        throw FormatError("picture '" + name + "' has a wrong object: " + error.what(),
                          {.file = file.string()});
      }
    set.add({name}, std::move(truth));
  }
  return set;
}

/// The region of an object: polygons, or run lengths, compressed or not.
RunLengths region_of(const json& segmentation, int height, int width) {
  if (segmentation.is_object()) {
    if (segmentation.at("size").get<std::vector<int>>() != std::vector{height, width})
      throw FormatError("run lengths are of another size than the picture");
    const json& counts = segmentation.at("counts");
    return counts.is_string()
               ? RunLengths::from_text(counts.get<std::string>(), height, width)
               : RunLengths::from_counts(counts.get<std::vector<std::uint32_t>>(), height, width);
  }
  std::vector<RunLengths> parts;
  for (const json& polygon : segmentation)
    parts.push_back(RunLengths::from_polygon(polygon.get<std::vector<double>>(), height, width));
  if (parts.empty()) throw FormatError("'segmentation' is empty");
  return merged(parts);
}

/// The objects of a picture, which has to state its size.
MaskTruth drawn_mask(const CocoImage& image, const std::vector<json>& objects,
                     const std::map<std::int64_t, std::int64_t>& labels) {
  constexpr int largest = 1 << 15;
  if (std::min(image.height, image.width) < 1 || std::max(image.height, image.width) > largest)
    throw FormatError("'height' and 'width' are missing or out of range");
  MaskTruth truth;
  truth.height = image.height;
  truth.width = image.width;
  for (const json& object : objects) {
    if (!object.contains("segmentation"))
      throw FormatError("an object has no 'segmentation'",
                        {.remedy = "masks that were drawn before are named with mask_dir"});
    truth.objects.push_back(
        {label_of(object, labels), region_of(object.at("segmentation"), image.height, image.width)});
  }
  return truth;
}

/// Masks are drawn from the objects, or lie in mask_dir as NAME.png.
AnnotationSet convert_segmentation(Fields& fields, const ConverterPaths& paths) {
  const fs::path file = paths.existing(fields, "annotation_file");
  CocoFile coco = read_coco(file);
  AnnotationSet set;
  const auto labels = read_labels(fields, coco, set.meta);
  paths.optional(fields, "images_dir");
  const auto folder = fields.optional_text("mask_dir");
  sort_images(fields, coco);
  for (const CocoImage& image : coco.images) try {
      const fs::path stem = fs::path(image.file).stem();
      set.add({image.file}, folder ? MaskTruth{(fs::path(*folder) / stem).generic_string() + ".png"}
                                   : drawn_mask(image, coco.objects[image.id], labels));
    } catch (const Error& error) {
      throw FormatError("picture '" + image.file + "': " + error.message(),
                        {.file = file.string(), .remedy = error.context().remedy});
    } catch (const std::exception& error) {
      throw FormatError("picture '" + image.file + "' has a wrong object: " + error.what(),
                        {.file = file.string()});
    }
  return set;
}

}  // namespace

extern const ConverterRecord mscoco_detection_converter{
    .name = "mscoco_detection",
    .summary = "instances of COCO's JSON (annotation_file)",
    .convert = convert_detection};
extern const ConverterRecord mscoco_segmentation_converter{
    .name = "mscoco_segmentation",
    .summary =
        "regions of COCO's JSON (annotation_file): polygons and run lengths; or masks mask_dir/NAME.png",
    .convert = convert_segmentation};

}  // namespace refcalib::engine
