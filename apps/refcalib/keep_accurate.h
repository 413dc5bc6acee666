#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "engine/evaluation/dataset.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/model.h"

namespace refcalib::app {

/// What a calibrated network shall reach.
struct Goal {
  double least = 0;
  bool classes = false;  ///< same_class_of() is measured, otherwise agreement_of()
};

/// What has to stay in float so that a calibrated network answers as the original does.
struct AccurateChoice {
  std::vector<std::string> layers;  ///< with weights, the most harmful first
  double all_int8 = 1;              ///< what the goal is about, with every layer in INT8 …
  double chosen = 1;                ///< … and with `layers` in float
};

/// Agreement of two networks on samples: the least over the outputs of the mean cosine, or, for an output of detections, of the share of
/// boxes above a score of 0.5 that both see with an overlap of at least 0.9.
double agreement_of(engine::Session& reference, engine::Session& other, engine::Dataset& dataset,
                    std::size_t runs);

/// The share of samples whose best class the other network is expected to keep (engine/calibration/same_class.h). 1 if the first output
/// is not one of classes (classification_output). Outputs should be those in front of a softmax.
double same_class_of(engine::Session& reference, engine::Session& other, engine::Dataset& dataset,
                     std::size_t runs);

/// How far a calibrated network reaches, in what the goal is about.
double reached_by(const engine::Model& model, const engine::ir::Annotation& annotation,
                  engine::Dataset& dataset, const Goal& goal);

/// If the calibrated network falls short of `goal`: orders the layers by the error that each of them causes alone in INT8, in front of the
/// selection of boxes, and leaves the fewest of that order in float that reach the goal (by bisection, on the first 16 runs of the
/// data, 100 for classes), or none if even nearly all of them leave more than half of what is missing. Depends on the data, not on threads, times or instruction sets. `go_on` is asked between trials; after a false the result
/// is that of no layer.
AccurateChoice keep_accurate(const engine::Model& model, const engine::ir::Annotation& annotation,
                             engine::Dataset& dataset, const Goal& goal, const std::function<bool()>& go_on);

/// "INT8 in all layers agrees with FP32 to 0.44 …": the lines of a report; none if the goal was reached.
std::vector<std::string> described(const AccurateChoice& choice, const Goal& goal);

}  // namespace refcalib::app
