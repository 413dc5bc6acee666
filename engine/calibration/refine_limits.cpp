#include "engine/calibration/refine_limits.h"

#include <array>
#include <utility>
#include <vector>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/held_back_proof.h"

namespace refcalib::engine {
namespace {

constexpr int kMostSteps = 4;
/// Of a hundred trials some gain by chance; what counts is a gain of so many standard errors.
constexpr double kErrors = 2;

QuantizationRange scaled(const QuantizationRange& range, double factor) {
  return {static_cast<float>(static_cast<double>(range.low) * factor),
          static_cast<float>(static_cast<double>(range.high) * factor)};
}

}  // namespace

void scale_limits(const LimitFactors& factors, ir::Annotation& annotation) {
  for (auto& activation : annotation.activations)
    if (const auto factor = factors.find(activation.value); factor != factors.end())
      for (QuantizationRange& range : activation.range) range = scaled(range, factor->second);
}

LimitFactors refine_limits(const Graph& graph, const CalibrationPlan& plan,
                           const OutputComparison& comparison, double step, ir::Annotation& annotation,
                           const std::function<void()>& between) {
  LimitFactors chosen;
  const ir::Annotation plain = annotation;
  const auto measured = [&](const LimitFactors& factors) {
    ir::Annotation tried = plain;
    scale_limits(factors, tried);
    return comparison.measure(annotated_graph(graph, tried));
  };
  std::vector<double> best = measured(chosen);
  for (const auto& group : plan.candidates.groups) {
    if (between) between();
    for (const double direction : std::array{step, 1 / step}) {
      bool moved = false;
      double factor = 1;
      for (int n = 0; n < kMostSteps; ++n) {
        factor *= direction;
        LimitFactors tried = chosen;
        for (const ValueId id : group) tried[plan.simplified.value(id).name] = factor;
        std::vector<double> db = measured(tried);
        if (!gains(best, db, kErrors)) break;
        chosen = std::move(tried);
        best = std::move(db);
        moved = true;
      }
      if (moved) break;
    }
  }
  scale_limits(chosen, annotation);
  return chosen;
}

}  // namespace refcalib::engine
