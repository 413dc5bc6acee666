#pragma once

#include <cstdint>

#include "engine/graph/attributes.h"

namespace refcalib::engine {

/// "NonMaxSuppression": inputs boxes [B, n, 4], scores [B, C, n]. Outputs rows of batch, class, box [K, 3]; with
/// `scores` also rows of batch, class, score [K, 3] and the number of rows in use [1]. Unused rows are -1.
struct NonMaxSuppressionAttributes {
  bool center = false;                 ///< boxes are x centre, y centre, width, height; else y1, x1, y2, x2
  bool sort_result_descending = true;  ///< all results by score; else by batch, class and order of choice
  bool index64 = true;                 ///< indices are i64, else i32
  bool scores = false;                 ///< all three outputs
  bool drop_equal = true;  ///< an overlap equal to the threshold suppresses (operation sets), or not (legacy)
  std::int64_t max_boxes = 0;  ///< of a class in an image
  std::int64_t rows = 0;       ///< K; 0: as many as there can be
  double iou_threshold = 0, score_threshold = 0, soft_nms_sigma = 0;

  template <class V>
  void visit(V& v) {
    v("center", center);
    v("sort_result_descending", sort_result_descending);
    v("index64", index64);
    v("scores", scores);
    v("drop_equal", drop_equal);
    v("max_boxes", max_boxes);
    v("rows", rows);
    v("iou_threshold", iou_threshold);
    v("score_threshold", score_threshold);
    v("soft_nms_sigma", soft_nms_sigma);
  }
};

}  // namespace refcalib::engine
