#include <algorithm>

#include "engine/evaluation/annotation/converter.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

bool is_volume(const fs::path& file) {
  const std::string name = file.filename().string();
  // Archives made on a Mac hold a second file beside each.
  return !name.starts_with(".") && (name.ends_with(".nii") || name.ends_with(".nii.gz"));
}

/// Task 1 of the Medical Segmentation Decathlon: volumes in one folder, masks of the same names in another. Without a mask no sample.
AnnotationSet convert(Fields& fields, const ConverterPaths& paths) {
  const fs::path root = paths.existing(fields, "data_dir");
  const std::string images = fields.text("image_folder", "imagesTr");
  const std::string masks = fields.text("mask_folder", "labelsTr");
  const fs::path names = paths.optional(fields, "labels_file");
  if (fields.flag("mask_channels_first", false))
    throw UnsupportedError(
        "masks with their channels first are not read",
        {.file = root.string(), .remedy = "leave out mask_channels_first for masks of one channel"});
  std::error_code ignored;
  for (const std::string& folder : {images, masks})
    if (!fs::is_directory(root / folder, ignored))
      throw IoError("there is no such folder", {.file = (root / folder).string()});
  std::vector<fs::path> volumes;
  for (const auto& entry : fs::directory_iterator(root / images))
    if (entry.is_regular_file() && is_volume(entry.path())) volumes.push_back(entry.path().filename());
  std::sort(volumes.begin(), volumes.end());
  AnnotationSet set;
  for (const fs::path& volume : volumes)
    if (fs::exists(root / masks / volume, ignored))
      set.add({(fs::path(images) / volume).generic_string()},
              MaskTruth{(fs::path(masks) / volume).generic_string(), {}});
  if (!names.empty()) read_label_names(names, 0, set.meta);
  return set;
}

}  // namespace

extern const ConverterRecord brats_converter{
    .name = "brats",
    .summary = "volumes of NIfTI (data_dir/image_folder) with masks of the same names (data_dir/mask_folder)",
    .convert = convert};

}  // namespace refcalib::engine
