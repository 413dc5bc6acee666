#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "engine/evaluation/detections.h"
#include "tests/golden/golden_index.h"

namespace refcalib_test {

/// Rows of a DetectionOutput are compared by image, class and box, not by their place.
inline bool lists_detections(const GoldenTensor& golden) {
  return golden.shape.size() == 4 && golden.shape[0] == 1 && golden.shape[1] == 1 && golden.shape[3] == 7;
}

/// Largest difference of a score or a coordinate over the pairs of rows; infinite unless every row has a partner.
inline double detection_deviation(std::span<const float> ours, std::span<const float> golden) {
  using namespace refcalib::engine;
  const std::vector<Detection> a = read_detections(golden), b = read_detections(ours);
  const std::vector<DetectionMatch> pairs = match_detections(a, b, 0.9);
  if (pairs.size() != a.size() || pairs.size() != b.size()) return INFINITY;
  double worst = 0;
  for (const DetectionMatch& pair : pairs) {
    const Detection &x = a[pair.reference], &y = b[pair.other];
    for (const float difference : {x.score - y.score, x.x1 - y.x1, x.y1 - y.y1, x.x2 - y.x2, x.y2 - y.y2})
      worst = std::max(worst, std::fabs(static_cast<double>(difference)));
  }
  return worst;
}

/// Share of the boxes above a score of 0.5 that two outputs have in common.
inline double detection_share(std::span<const float> reference, std::span<const float> other) {
  using namespace refcalib::engine;
  DetectionAgreement agreement;
  agreement.add(read_detections(reference), read_detections(other), 0.5, 0.9);
  return agreement.share();
}

}  // namespace refcalib_test
