#pragma once

#include <cstddef>
#include <map>
#include <refcalib/threshold.hpp>
#include <refcalib/value_statistics.hpp>
#include <vector>

#include "engine/calibration/method_spec.h"
#include "engine/calibration/options.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// How the limits of one value are found.
struct ThresholdChoice {
  MethodSpec spec;
  Scheme scheme = Scheme::asymmetric;
  Levels levels = kUint8;
  bool power_of_two = false;

  /// The method to search by; where it is to be found by trying, the default one.
  const ThresholdMethod& method() const;
  /// The range that the levels represent for what was seen, searched by a method. Throws std::invalid_argument if that needs records
  /// that were not kept.
  QuantizationRange range(const ValueStatistics& seen, const ThresholdMethod& search) const;
  /// The smallest range that contains the argument and that the levels represent exactly.
  QuantizationRange representable(const QuantizationRange& range) const;
};

/// Which choice the options make for each value of a network. The one place where options about limits of activations are read.
class ThresholdSelection {
 public:
  /// Throws UsageError for names that do not exist, values out of range, patterns that match no layer, and a scheme that the target
  /// does not have.
  ThresholdSelection(const CalibrationOptions& options, const Graph& original, const Graph& simplified);

  const ThresholdChoice& of(ValueId value) const;
  /// Whether the method of some value is to be found by trying.
  bool automatic() const noexcept;
  /// Which records of single samples the methods need.
  SampleRecords records() const noexcept;

  /// Throws UsageError naming the method if statistics lack records that it needs.
  void require_records(const SampleRecords& kept) const;

 private:
  std::vector<ThresholdChoice> choices_;  ///< the common one, then those of method_for
  std::map<ValueId, std::size_t>
      special_;  ///< places in choices_ of the values that have another than the first
};

}  // namespace refcalib::engine
