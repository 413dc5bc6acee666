#pragma once

#include <refcalib/threshold.hpp>
#include <refcalib/value_statistics.hpp>

#include "engine/calibration/options.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// How the limits of one value are found.
struct ThresholdChoice {
  const ThresholdMethod* method = nullptr;
  Scheme scheme = Scheme::asymmetric;
  ThresholdOptions options;

  /// The range that 256 levels represent for what was seen.
  QuantizationRange range(const ValueStatistics& seen) const;
};

/// Which choice the options make for each value. The one place where options about limits are read.
class ThresholdSelection {
 public:
  /// Throws UsageError for names that do not exist.
  explicit ThresholdSelection(const CalibrationOptions& options);

  const ThresholdChoice& of(const Graph& simplified, ValueId value) const;

 private:
  ThresholdChoice common_;
};

}  // namespace refcalib::engine
