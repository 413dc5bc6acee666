#include <cmath>

#include "engine/ops/class_suppression.h"
#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<MulticlassNmsAttributes>();
  require(a.eta > 0 && a.eta <= 1, "nms_eta is not between 0 and 1");
  return infer_class_suppression(a.common, in);
}

std::int64_t choose(const Attributes& attributes, const ClassTask& task) noexcept {
  const auto& a = attributes.as<MulticlassNmsAttributes>();
  const float extent = a.common.normalized ? 0.0F : 1.0F, eta = static_cast<float>(a.eta);
  const BoxColumns kept = BoxColumns::in(task.work, task.count);
  auto threshold = static_cast<float>(a.iou_threshold);
  std::int64_t done = 0;
  for (std::int64_t i = 0; i < task.count; ++i) {
    const Box box = task.box(i);
    const float area = suppression_area(box, extent);
    // An overlap that equals the threshold drops the box. A box without area overlaps nothing, but reaches a threshold of 0.
    if (done > 0 &&
        (threshold <= 0 || overlaps_any(kept, done, box, area, std::nextafter(threshold, -INFINITY), extent)))
      continue;
    kept.set(done, box, area);
    task.out[done++] = task.candidates[i];
    if (eta < 1 && threshold > 0.5F) threshold *= eta;
  }
  return done;
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_class_suppression(node.attributes.as<MulticlassNmsAttributes>().common, node, context,
                                "multiclass_nms", true, choose);
}

}  // namespace

extern const OpRecord multiclass_nms_op;
const OpRecord multiclass_nms_op{.name = "MulticlassNms", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
