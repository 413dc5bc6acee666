#pragma once

#include <optional>
#include <string_view>

#include "engine/evaluation/metrics/metric.h"

namespace refcalib::engine {

enum class DropType { absolute, relative };

/// How much of a metric INT8 may cost: the rule of the 2019 Calibration Tool. A metric in percent may drop by less than `threshold`
/// points, any other by less than `threshold` percent of its value in FP32; `type` says otherwise. What is not worse is never a drop.
struct AccuracyGoal {
  double threshold = 1;
  std::optional<DropType> type{};

  /// Points, or percent of the reference; positive if `value` is worse. `reference` and `value`: as Metric::value gives them. Infinite if
  /// `value` is not a number.
  double drop(const MetricInfo& info, double reference, double value) const;
  bool met(double drop) const noexcept;
  bool relative(const MetricInfo& info) const noexcept;
};

}  // namespace refcalib::engine
