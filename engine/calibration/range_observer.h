#pragma once

#include <cstdint>
#include <map>
#include <refcalib/statistics.hpp>
#include <string>
#include <vector>

#include "engine/calibration/samples.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// Watches chosen values of observed runs, one worker's share of the samples.
class RangeObserver final : public StepObserver {
 public:
  /// `watched`: ids of values of the program's graph. `batch`: samples of one run; a value whose first dimension is that has a row for each
  /// of them, other values belong to the run as a whole.
  RangeObserver(const Program& program, const std::vector<ValueId>& watched, std::size_t batch,
                SampleRecords records);

  /// Which rows of the next run are counted.
  void begin(std::vector<bool> rows) { rows_ = std::move(rows); }
  void after_step(int step, std::span<const ValueView> outputs) noexcept override;

  /// How many NaN and infinities were seen since the last take(), over all values.
  std::uint64_t not_finite() const noexcept;
  /// Hands over what was seen, by the names of the values, and starts anew.
  std::map<std::string, ValueStatistics> take();

 private:
  std::map<ValueId, ValueObserver> observers_;
  std::map<ValueId, std::string> names_;
  std::size_t batch_;
  std::vector<bool> rows_;
  HistogramKernel kernel_;
};

/// The histogram loops for an instruction set.
HistogramKernel histogram_kernel_for(Isa isa) noexcept;

}  // namespace refcalib::engine
