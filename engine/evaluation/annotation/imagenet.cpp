#include <algorithm>

#include "engine/evaluation/annotation/converter.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

/// "n01440764 tench, Tinca tinca": the text behind the first blank.
void read_synsets(const fs::path& path, std::int64_t first, DatasetMeta& meta) {
  for (const TextLine& line : read_lines(path)) {
    const std::size_t blank = line.text.find_first_of(" \t");
    meta.label_maps["label_map"][first++] =
        blank == std::string::npos ? line.text : line.text.substr(blank + 1);
  }
}

/// Lines `picture label`; a name may hold blanks.
AnnotationSet convert(Fields& fields, const ConverterPaths& paths) {
  const fs::path list = paths.existing(fields, "annotation_file");
  const fs::path names = paths.optional(fields, "labels_file");
  const bool background = fields.flag("has_background", false);
  paths.optional(fields, "images_dir");
  AnnotationSet set;
  const std::int64_t shift = background ? 1 : 0;
  for (const TextLine& line : read_lines(list)) {
    const std::size_t blank = line.text.find_last_of(" \t");
    if (blank == std::string::npos)
      throw FormatError("a line `picture label` is expected",
                        {.file = list.string() + ":" + std::to_string(line.number)});
    const std::int64_t label = integer_of(line.text.substr(blank + 1), list, line.number);
    if (label < 0)
      throw FormatError("the label is negative", {.file = list.string() + ":" + std::to_string(line.number)});
    std::string id = line.text.substr(0, blank);
    id.erase(id.find_last_not_of(" \t") + 1);
    set.add({std::move(id)}, ClassTruth{label + shift});
  }
  if (!names.empty()) read_synsets(names, shift, set.meta);
  if (background) {
    set.meta.label_maps["label_map"][0] = "background";
    set.meta.background = 0;
  }
  return set;
}

/// A folder for each class, labels in the order of their names.
AnnotationSet convert_folders(Fields& fields, const ConverterPaths& paths) {
  const fs::path root = paths.existing(fields, "data_dir");
  const fs::path names = paths.optional(fields, "labels_file");
  const bool background = fields.flag("has_background", false);
  AnnotationSet set;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_directory()) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  std::int64_t label = background ? 1 : 0;
  if (background) {
    set.meta.label_maps["label_map"][0] = "background";
    set.meta.background = 0;
  }
  for (const fs::path& folder : folders) {
    set.meta.label_maps["label_map"][label] = folder.filename().string();
    for (const fs::path& file : pictures_in(folder))
      set.add({fs::relative(file, root).generic_string()}, ClassTruth{label});
    ++label;
  }
  if (!names.empty()) read_label_names(names, background ? 1 : 0, set.meta);
  return set;
}

}  // namespace

extern const ConverterRecord imagenet_converter{
    .name = "imagenet",
    .summary = "lines `picture label` (annotation_file), names (labels_file)",
    .convert = convert};
extern const ConverterRecord class_folders_converter{
    .name = "class_folders",
    .summary = "a folder of pictures for each class (data_dir)",
    .convert = convert_folders,
    .aliases = {"imagenet_folders"}};

}  // namespace refcalib::engine
