#include "engine/search/accuracy_goal.h"

#include <cmath>
#include <limits>

namespace refcalib::engine {
namespace {
constexpr double kRounding = 1e-9;  ///< of a difference of two shares, which decides nothing
}

bool AccuracyGoal::relative(const MetricInfo& info) const noexcept {
  return type ? *type == DropType::relative : info.unit != "%";
}

double AccuracyGoal::drop(const MetricInfo& info, double reference, double value) const {
  if (std::isnan(value)) return std::numeric_limits<double>::infinity();
  const double worse = (info.higher_is_better ? reference - value : value - reference) * info.scale;
  if (!relative(info)) return worse;
  const double whole = std::abs(reference) * info.scale;
  if (whole > 0) return 100 * worse / whole;
  return worse > 0 ? std::numeric_limits<double>::infinity() : 0.0;
}

bool AccuracyGoal::met(double drop) const noexcept {
  return drop <= kRounding || drop < threshold - kRounding;
}

}  // namespace refcalib::engine
