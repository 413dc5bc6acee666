#pragma once

#include <memory>

#include "engine/evaluation/evaluate.h"

namespace refcalib::engine {

/// What takes the place of the truth while predictions without one are postprocessed: nothing to find, in the size of the sample.
Truth nothing_true(const Prediction& prediction, const SampleGeometry& geometry);

/// A network's answers as the truth that other networks are compared with: for data without labels.
///
/// Samples are those of the dataset's annotation or conversion, whose truth is not looked at; without either, the files of `data_source`
/// that the reader takes (pictures, .npy, volumes), by name. The truth of each is what the network says of it behind postprocessing:
/// the best class, the boxes of a score of at least 0.5, the label of every place, the numbers, the picture. `label_map` is that of
/// dataset_meta, or holds the labels that the network gave. Samples that cannot be read keep their place with no truth.
/// `options`: as for evaluate(); its `stop` is not asked. Throws IoError, FormatError; UnsupportedError for items of users;
/// as evaluate().
AnnotationSet label_free_annotations(const std::shared_ptr<const Program>& program,
                                     const EvaluationConfig& config, const EvaluateOptions& options);

}  // namespace refcalib::engine
