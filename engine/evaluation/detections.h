#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace refcalib::engine {

/// One row of a DetectionOutput.
struct Detection {
  std::int64_t image = 0, label = 0;
  float score = 0;
  float x1 = 0, y1 = 0, x2 = 0, y2 = 0;  ///< as shares of the image
};

/// The rows [n][7] = image, label, score, x1, y1, x2, y2 of a DetectionOutput in front of the first whose image
/// is negative; a rest that is no whole row is left out.
std::vector<Detection> read_detections(std::span<const float> rows);

/// Intersection over union of two boxes; 0 if they do not overlap.
double overlap(const Detection& a, const Detection& b) noexcept;

/// A detection and its partner in another list.
struct DetectionMatch {
  std::size_t reference = 0, other = 0;  ///< places in the two lists
  double overlap = 0;
};

/// Pairs detections of the same image and label, from the best score of `reference` down: each takes the free
/// detection of `other` that it overlaps most (of equal ones the first), if by at least `least_overlap` > 0.
std::vector<DetectionMatch> match_detections(std::span<const Detection> reference,
                                             std::span<const Detection> other, double least_overlap);

/// How well two engines or precisions agree on what they see.
struct DetectionAgreement {
  std::size_t reference = 0;  ///< detections of the reference at or above the score
  std::size_t matched = 0;    ///< of those, how many have a partner of any score
  std::size_t extra = 0;      ///< detections of the other at or above the score without a partner
  double worst_score = 0;     ///< largest difference of the scores of a pair

  /// Adds one output of both. `least_score` selects what is counted.
  void add(std::span<const Detection> from, std::span<const Detection> with, double least_score,
           double least_overlap);
  /// matched / (reference + extra); 1 if neither sees anything.
  double share() const noexcept;
};

}  // namespace refcalib::engine
