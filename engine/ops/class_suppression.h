#pragma once

#include <cstdint>
#include <string>

#include "engine/ops/boxes.h"
#include "engine/ops/op.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// What "MatrixNms" and "MulticlassNms" share. Inputs are boxes [N, M, 4] (x1, y1, x2, y2) and scores [N, C, M]; MulticlassNms with three
/// inputs takes boxes [C, M, 4], scores [C, M] and the number of boxes of each image [N], whose boxes follow one another.
/// Outputs: rows of class, score, x1, y1, x2, y2 [K, 6]; the position of each box among all boxes [K, 1] (image * M + box, or
/// box * C + class with three inputs); the number of rows of each image [N]. K is the most that there can be; unused rows are -1 and
/// stand behind the used ones.
struct ClassSuppressionAttributes {
  std::string sort = "none";     ///< order of an image's rows: score, class, or none, which is by score
  bool across_images = false;    ///< order all rows instead of each image's
  bool index64 = true;           ///< integers are i64, else i32
  bool normalized = true;        ///< else corners are pixels that belong to the box
  std::int64_t top_k = -1;       ///< best candidates of a class that take part, all if negative
  std::int64_t keep_top_k = -1;  ///< rows of an image, all if negative
  std::int64_t background = -1;  ///< class that is left out
  double score_threshold = 0;

  template <class V>
  void visit(V& v) {
    v("sort", sort);
    v("across_images", across_images);
    v("index64", index64);
    v("normalized", normalized);
    v("top_k", top_k);
    v("keep_top_k", keep_top_k);
    v("background", background);
    v("score_threshold", score_threshold);
  }
};

/// "MatrixNms": a candidate's score is multiplied by the least of decay(IoU with a better one) / decay(largest IoU of that one with better
/// ones); decay is 1 - IoU or exp(-sigma * IoU^2). Rows are those that stay above post_threshold.
struct MatrixNmsAttributes {
  ClassSuppressionAttributes common;
  bool gaussian = false;
  double sigma = 2, post_threshold = 0;

  template <class V>
  void visit(V& v) {
    common.visit(v);
    v("gaussian", gaussian);
    v("sigma", sigma);
    v("post_threshold", post_threshold);
  }
};

/// "MulticlassNms": a candidate is dropped if its IoU with a better one that was kept reaches the threshold, which is multiplied by
/// eta < 1 with every kept box while it is above 0.5.
struct MulticlassNmsAttributes {
  ClassSuppressionAttributes common;
  double iou_threshold = 0, eta = 1;

  template <class V>
  void visit(V& v) {
    common.visit(v);
    v("iou_threshold", iou_threshold);
    v("eta", eta);
  }
};

/// One class of one image: candidates best first, whose indices count into `boxes`.
struct ClassTask {
  const float* boxes;  ///< [count of boxes, 4]
  const Candidate* candidates;
  std::int64_t count;
  float* work;     ///< kWorkPerCandidate floats for each candidate
  Candidate* out;  ///< room for all of them

  static constexpr std::int64_t kWorkPerCandidate = static_cast<std::int64_t>(BoxColumns::kColumns) + 1;
  Box box(std::int64_t i) const noexcept {
    const float* b = boxes + std::int64_t{candidates[i].index} * 4;
    return {b[0], b[1], b[2], b[3]};
  }
};

/// Chooses among the candidates of a class: what is chosen, with its score, goes to `out`. Returns the number.
using ChooseOfClass = std::int64_t (*)(const Attributes&, const ClassTask&) noexcept;

/// Area of a box, 0 if a corner is on the wrong side of the other.
inline float suppression_area(const Box& b, float extent) noexcept {
  return b.x2 < b.x1 || b.y2 < b.y1 ? 0 : area_of(b, extent);
}

std::vector<OutputType> infer_class_suppression(const ClassSuppressionAttributes& a, const OpInputs& in);

/// `inclusive`: a score that equals the threshold makes a candidate.
std::unique_ptr<Step> plan_class_suppression(const ClassSuppressionAttributes& a, const Node& node,
                                             PlanContext& context, const char* name, bool inclusive,
                                             ChooseOfClass choose);

}  // namespace refcalib::engine
