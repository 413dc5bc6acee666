#include <algorithm>
#include <array>
#include <pugixml.hpp>

#include "engine/core/error_context.h"
#include "engine/evaluation/annotation/converter.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 20> kClasses{
    "aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",      "car",
    "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",    "motorbike",
    "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};

/// The names of VOC's classes, or those of a file, from 1 (0 the background) or from 0 on.
std::map<std::string, std::int64_t> voc_labels(const fs::path& names, bool background, DatasetMeta& meta) {
  const std::int64_t first = background ? 1 : 0;
  if (background) {
    meta.label_maps["label_map"][0] = "__background__";
    meta.background = 0;
  }
  if (!names.empty()) {
    read_label_names(names, first, meta);
  } else {
    std::int64_t label = first;
    for (const std::string_view name : kClasses) meta.label_maps["label_map"][label++] = name;
  }
  std::map<std::string, std::int64_t> by_name;
  for (const auto& [label, name] : meta.label_maps["label_map"]) by_name[name] = label;
  return by_name;
}

double corner(const pugi::xml_node& box, const char* name) {
  const auto value = parse_number(box.child(name).text().get());
  if (!value) throw FormatError("<bndbox> has no number <" + std::string(name) + ">");
  return *value - 1;  // VOC counts pixels from 1
}

Annotation read_xml(const fs::path& file, const std::map<std::string, std::int64_t>& labels) {
  pugi::xml_document document;
  const auto result = document.load_file(file.c_str());
  if (!result) throw FormatError(std::string("not valid XML: ") + result.description());
  const pugi::xml_node root = document.child("annotation");
  if (!root) throw FormatError("<annotation> is missing");
  std::string id = root.child("filename").text().get();
  if (id.empty()) throw FormatError("<filename> is missing");
  BoxTruth truth;
  for (const pugi::xml_node& object : root.children("object")) {
    const std::string name = object.child("name").text().get();
    const auto label = labels.find(name);
    if (label == labels.end())
      throw FormatError("the class '" + name + "' is unknown",
                        {.remedy = "name a labels_file with all classes"});
    const pugi::xml_node box = object.child("bndbox");
    truth.boxes.push_back(
        {corner(box, "xmin"), corner(box, "ymin"), corner(box, "xmax"), corner(box, "ymax")});
    truth.labels.push_back(label->second);
    truth.difficult.push_back(std::string(object.child("difficult").text().get()) == "1" ? 1 : 0);
  }
  return {{std::move(id)}, std::move(truth)};
}

AnnotationSet convert_detection(Fields& fields, const ConverterPaths& paths) {
  const fs::path folder = paths.existing(fields, "annotations_dir");
  const fs::path list = paths.optional(fields, "imageset_file");
  paths.optional(fields, "images_dir");
  const fs::path names = paths.optional(fields, "labels_file");
  AnnotationSet set;
  const auto labels = voc_labels(names, fields.flag("has_background", true), set.meta);
  std::vector<fs::path> files;
  if (!list.empty()) {
    for (const TextLine& line : read_lines(list))
      files.push_back(folder / (words_of(line.text).front() + ".xml"));
  } else {
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".xml") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
  }
  for (const fs::path& file : files)
    set.samples.push_back(in_context({.file = file.string()}, [&] { return read_xml(file, labels); }));
  return set;
}

/// Pictures JPEGImages/NAME.jpg and masks SegmentationClass/NAME.png, relative to the development kit; masks
/// hold numbers of classes (a palette) or VOC's colours.
AnnotationSet convert_segmentation(Fields& fields, const ConverterPaths& paths) {
  const fs::path list = paths.existing(fields, "imageset_file");
  const fs::path kit = list.parent_path().parent_path().parent_path();
  fs::path images = paths.optional(fields, "images_dir"), masks = paths.optional(fields, "mask_dir");
  if (images.empty()) images = kit / "JPEGImages";
  if (masks.empty()) masks = kit / "SegmentationClass";
  AnnotationSet set;
  voc_labels(paths.optional(fields, "labels_file"), true, set.meta);
  // VOC's colours: bit k of the red value of label n is bit 3 (7 - k) of n, and so on for green and blue.
  for (std::int64_t label = 0; label <= 20; ++label) {
    std::vector<std::int64_t> color(3, 0);
    for (std::int64_t bit = 0, rest = label; bit < 8; ++bit, rest >>= 3)
      for (std::size_t c = 0; c < 3; ++c) color[c] |= (rest >> c & 1) << (7 - bit);
    set.meta.segmentation_colors.push_back(color);
  }
  set.meta.background.reset();  // it is a label like any other in masks
  for (const TextLine& line : read_lines(list)) {
    const std::string name = words_of(line.text).front();
    const auto shown = [&](const fs::path& folder) { return folder.lexically_relative(kit); };
    set.add({(shown(images) / (name + ".jpg")).generic_string()},
            MaskTruth{(shown(masks) / (name + ".png")).generic_string(), {}});
  }
  return set;
}

}  // namespace

extern const ConverterRecord voc_detection_converter{
    .name = "voc_detection",
    .summary = "XML files of Pascal VOC (annotations_dir), those that imageset_file names",
    .convert = convert_detection,
    .aliases = {"voc07"}};
extern const ConverterRecord voc_segmentation_converter{
    .name = "voc_segmentation",
    .summary = "masks of Pascal VOC for the pictures that imageset_file names",
    .convert = convert_segmentation};

}  // namespace refcalib::engine
