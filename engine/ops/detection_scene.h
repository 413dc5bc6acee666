#pragma once

#include <cmath>
#include <cstdint>

#include "engine/ops/boxes.h"
#include "engine/ops/detection_output.h"

namespace refcalib::engine {

/// Sizes and numbers of a DetectionOutput, checked against its inputs.
struct DetectionShape {
  std::int64_t images = 0, priors = 0, classes = 0;
  std::int64_t location_classes = 1;  ///< 1 if all classes share the locations
  std::int64_t prior_images = 1;      ///< 1: the same priors for all images
  std::int64_t prior_size = 4;        ///< 5 with a batch number in front
  std::int64_t prior_rows = 2;        ///< 1: no variances
  std::int64_t most_kept = 0;         ///< boxes of a class that can be in the result
  std::int64_t rows = 0;              ///< of the output
};

/// The numbers of one image, and the rules for them.
struct DetectionScene {
  const DetectionShape& shape;
  const DetectionOutputAttributes& rules;
  const float* locations = nullptr;
  const float* scores = nullptr;
  const float* boxes = nullptr;      ///< prior boxes
  const float* variances = nullptr;  ///< nullptr: encoded in the locations
  const float* anchor_scores = nullptr;
  const float* anchor_locations = nullptr;

  /// Priors in front of the first with the batch number -1.
  std::int64_t prior_count() const noexcept;
  /// The box of a prior and a class, decoded and, if the rules say so, clipped.
  Box decode(std::int64_t prior, std::int64_t label) const noexcept;
  /// True if the refined anchors call the prior background.
  bool dropped(std::int64_t prior) const noexcept {
    return anchor_scores != nullptr &&
           anchor_scores[2 * prior + 1] < static_cast<float>(rules.objectness_score);
  }
};

/// Number of classes that are looked through together: a cache line of scores.
inline constexpr std::int64_t kClassBlock = 16;

/// The candidates of kClassBlock neighbouring classes, in memory that others own.
struct CandidateLists {
  Candidate* memory = nullptr;  ///< kClassBlock lists of `capacity`
  std::int64_t capacity = 0;
  std::int64_t count[kClassBlock] = {};

  Candidate* list(std::int64_t lane) const noexcept { return memory + lane * capacity; }
};

/// Candidates that a list must hold for `most` (negative: all) of `priors`.
std::int64_t list_capacity(std::int64_t priors, std::int64_t most) noexcept;

/// The lowest of the `most` best scores seen so far. What lies below it cannot be among the best `most` of an
/// image any more, however much is still to come.
class ScoreBar {
 public:
  /// `memory` for `most` scores; 0: no limit, nothing is ever ruled out.
  ScoreBar(float* memory, std::int64_t most) noexcept : heap_(memory), most_(most) {}
  void add(float score) noexcept;
  /// Scores below this are ruled out.
  float least() const noexcept { return most_ > 0 && count_ == most_ ? heap_[0] : -INFINITY; }

 private:
  float* heap_;
  std::int64_t most_, count_ = 0;
};

/// Fills the lists with the candidates of the classes from `first` on: scores above the threshold and not below
/// `least`, without background. A list that fills up is cut to its best `top_k`, which raises the bar for later ones.
/// Reads up to 60 bytes behind the scores.
void collect_candidates(const DetectionScene& scene, std::int64_t first, std::int64_t priors, float least,
                        CandidateLists& lists) noexcept;

}  // namespace refcalib::engine
