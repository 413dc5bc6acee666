#include <algorithm>
#include <cmath>

#include "engine/ops/class_suppression.h"
#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<MatrixNmsAttributes>();
  require_inputs(in, 2, 2);
  require(in.shape(1).size() == 3,
          "the scores have the shape " + to_string(in.shape(1)) + ", expected [N, C, M]");
  require(std::isfinite(a.sigma), "gaussian_sigma is not a number");
  return infer_class_suppression(a.common, in);
}

/// How much an overlap lowers a score, where `compensate` is the largest overlap of the better box.
float decay(const MatrixNmsAttributes& a, float iou, float compensate) noexcept {
  if (a.gaussian) return std::exp((compensate * compensate - iou * iou) * static_cast<float>(a.sigma));
  return static_cast<float>((1.0 - static_cast<double>(iou)) /
                            (1.0 - static_cast<double>(compensate) + 1e-10));
}

/// Overlaps are computed twice instead of being kept in a matrix.
std::int64_t choose(const Attributes& attributes, const ClassTask& task) noexcept {
  const auto& a = attributes.as<MatrixNmsAttributes>();
  const float extent = a.common.normalized ? 0.0F : 1.0F, lowest = static_cast<float>(a.post_threshold);
  const BoxColumns boxes = BoxColumns::in(task.work, task.count);
  float* const largest = task.work + static_cast<std::int64_t>(BoxColumns::kColumns) * task.count;
  for (std::int64_t i = 0; i < task.count; ++i)
    boxes.set(i, task.box(i), suppression_area(task.box(i), extent));
  const auto iou_of = [&](std::int64_t i, std::int64_t j) noexcept {
    return overlap(boxes.box(i), boxes.area[i], boxes.box(j), boxes.area[j], extent);
  };
  std::int64_t done = 0;
  for (std::int64_t i = 0; i < task.count; ++i) {
    largest[i] = 0;
    for (std::int64_t j = 0; j < i; ++j) largest[i] = std::max(largest[i], iou_of(i, j));
    float least = 1;
    for (std::int64_t j = 0; j < i; ++j) least = std::min(least, decay(a, iou_of(i, j), largest[j]));
    const float score = least * task.candidates[i].score;
    if (score > lowest) task.out[done++] = {score, task.candidates[i].index};
  }
  return done;
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_class_suppression(node.attributes.as<MatrixNmsAttributes>().common, node, context, "matrix_nms",
                                false, choose);
}

}  // namespace

extern const OpRecord matrix_nms_op;
const OpRecord matrix_nms_op{.name = "MatrixNms", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
