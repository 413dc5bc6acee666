#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/graph/attributes.h"

namespace refcalib::engine {

/// "DetectionOutput": inputs locations [N, P * L * 4] (L = 1 if shared, else classes), scores [N, P * C], priors
/// [1 or N, 1 or 2, P * 4 or 5], optionally refined-anchor scores [N, P * 2] and locations (as input 0).
/// Output [1, 1, rows, 7]: image, label, score, x1, y1, x2, y2 as shares of the image; images ascending, labels
/// ascending, scores descending. The row behind the last has the image -1, rows behind it are 0.
struct DetectionOutputAttributes {
  std::int64_t num_classes = 0;          ///< with background; 0: as many scores as there are for each prior
  std::int64_t background_label_id = 0;  ///< -1: none
  std::int64_t top_k = -1;               ///< candidates of a class in front of the suppression; negative: all
  std::int64_t keep_top_k = -1;          ///< boxes of an image behind it; 0 or less: all
  double nms_threshold = 0;              ///< suppressed by a better box of the class with a larger overlap
  double confidence_threshold = -std::numeric_limits<float>::max();
  double objectness_score = 0;  ///< priors with a lower refined-anchor score are dropped
  bool share_location = true;
  bool variance_encoded_in_target = false;
  bool center_size = false;  ///< code type: CENTER_SIZE, else CORNER
  bool clip_before_nms = false, clip_after_nms = false;
  bool decrease_label_id =
      false;               ///< MXNet: only the best class of a prior counts, labels begin behind background
  bool normalized = true;  ///< else priors are pixels of input_width x input_height behind a batch number
  std::int64_t input_height = 1, input_width = 1;

  template <class V>
  void visit(V& v) {
    v("num_classes", num_classes);
    v("background_label_id", background_label_id);
    v("top_k", top_k);
    v("keep_top_k", keep_top_k);
    v("nms_threshold", nms_threshold);
    v("confidence_threshold", confidence_threshold);
    v("objectness_score", objectness_score);
    v("share_location", share_location);
    v("variance_encoded_in_target", variance_encoded_in_target);
    v("center_size", center_size);
    v("clip_before_nms", clip_before_nms);
    v("clip_after_nms", clip_after_nms);
    v("decrease_label_id", decrease_label_id);
    v("normalized", normalized);
    v("input_height", input_height);
    v("input_width", input_width);
  }
};

}  // namespace refcalib::engine
