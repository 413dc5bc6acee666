#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/evaluation/sample.h"

namespace refcalib::engine {

/// The labelled samples of a dataset, with what is known of all.
struct AnnotationSet {
  DatasetMeta meta;
  std::vector<Annotation> samples;
  bool postprocessed = false;  ///< the truth is as postprocessing leaves it (label_free_annotations)

  void add(std::vector<std::string> ids, Truth truth);
};

/// The JSON format of annotations (docs/annotations.md).
std::string to_json(const AnnotationSet& set);
/// Throws FormatError naming the file and the sample.
AnnotationSet parse_annotations(const std::string& text, const std::string& file);

/// Throws IoError, FormatError; UnsupportedError for a Python pickle, with the way to a JSON file.
AnnotationSet read_annotations(const std::filesystem::path& path);
/// Whether a file holds a JSON object, whatever its name: convert-annotation writes one into a .pickle if that is asked for.
bool is_json(const std::filesystem::path& path);
void write_annotations(const std::filesystem::path& path, const AnnotationSet& set);

/// A dataset_meta: label_map, background_label, segmentation_colors and further maps of labels. Also a list
/// of names, and the `label_map` written as a list. Throws as read_annotations.
DatasetMeta read_dataset_meta(const std::filesystem::path& path);
void write_dataset_meta(const std::filesystem::path& path, const DatasetMeta& meta);

}  // namespace refcalib::engine
