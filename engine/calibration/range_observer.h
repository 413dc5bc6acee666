#pragma once

#include <cstdint>
#include <map>
#include <refcalib/histogram.hpp>
#include <vector>

#include "engine/runtime/program.h"

namespace refcalib::engine {

/// Histogram and per-channel extremes of one value. Merging is exact: the result does not depend on how samples were divided.
struct ObservedValue {
  Histogram histogram;
  std::vector<float> channel_min, channel_max;
  /// Sums of the samples' means per channel in units of 1 / kMeanUnits, and the number of samples.
  std::vector<std::int64_t> mean_total;
  std::int64_t observations = 0;
  static constexpr double kMeanUnits = 1 << 20;

  void merge(const ObservedValue& other);
  /// Takes the sums of one sample over `per_channel` elements each, and sets them to 0.
  void add_means(std::vector<float>& sums, std::int64_t per_channel) noexcept;
  /// Mean of each channel over all samples.
  std::vector<float> channel_means() const;
};

/// Watches chosen values of an observed run.
class RangeObserver final : public StepObserver {
 public:
  /// `watched`: ids of values of the program's graph.
  RangeObserver(const Program& program, const std::vector<ValueId>& watched);

  void after_step(int step, std::span<const ValueView> outputs) noexcept override;

  const std::map<ValueId, ObservedValue>& values() const noexcept { return values_; }
  /// How many NaN and infinities were seen, over all values.
  std::uint64_t not_finite() const noexcept;

 private:
  std::map<ValueId, ObservedValue> values_;
  std::map<ValueId, std::vector<float>> sums_;  ///< of the current run
  HistogramKernel kernel_;
};

/// The histogram loops for an instruction set.
HistogramKernel histogram_kernel_for(Isa isa) noexcept;

}  // namespace refcalib::engine
