#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/evaluation/adapters/adapter.h"

namespace refcalib::engine {

/// The outputs of a network for chosen samples, thinned to some thousand numbers each, and how far other outputs are from them.
class ReferenceOutputs {
 public:
  explicit ReferenceOutputs(std::size_t samples) : samples_(samples) {}

  /// Different samples may be kept by several threads at once.
  void keep(std::size_t sample, const NetworkRun& run, std::size_t row);
  /// The mean over the outputs of the squared distance as a share of the squared reference, at most 1 for each output; 0 for a sample that was not
  /// kept.
  double error(std::size_t sample, const NetworkRun& run, std::size_t row) const;

 private:
  std::vector<std::vector<std::vector<float>>> samples_;  ///< [sample][output][number]
};

}  // namespace refcalib::engine
