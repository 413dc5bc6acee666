#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/calibration/samples.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Fewer samples than this prove nothing.
inline constexpr std::size_t kFewestToProve = 8;

/// Measures quantized forms of a network on samples that took no part in making them: every fourth.
class HeldBackProof {
 public:
  /// `original`: the float network. Both must outlive the proof.
  HeldBackProof(const Graph& original, const SampleSource& samples);

  static bool holds_back(std::size_t sample) noexcept { return sample % 4 == 3; }
  /// The other samples.
  static std::vector<std::size_t> others(std::size_t samples);

  /// Samples held back.
  std::size_t size() const noexcept { return samples_.size(); }

  /// SQNR in dB, from -20 to 120, of every output of every sample held back, in front of a final softmax or sigmoid: behind it, errors of
  /// certain answers vanish and say nothing.
  std::vector<double> measure(Graph quantized) const;

 private:
  const SampleSource& source_;
  std::vector<std::size_t> samples_;
  std::shared_ptr<const Program> reference_;
};

/// 0 of none.
double mean_of(const std::vector<double>& db);

/// True if the second of two measurements of the same samples is better by more than so many standard errors of the difference.
bool gains(const std::vector<double>& before, const std::vector<double>& after, double errors = 1);

}  // namespace refcalib::engine
