#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/calibration/layer_samples.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Signal to noise in dB, from -20 to 120: exact and broken answers count too.
double bounded_sqnr_db(std::span<const float> expected, std::span<const float> actual);

/// Makes outputs those in front of a final softmax or sigmoid: behind it, errors of certain answers vanish and say nothing.
void uncover_outputs(Graph& graph);

/// Measures quantized forms of a network on the same samples, again and again: inputs and float answers are kept.
class OutputComparison {
 public:
  /// `original`: the float network that `inputs` are of.
  OutputComparison(const Graph& original, KeptInputs inputs, int threads);

  /// bounded_sqnr_db of every uncovered output of every sample. Does not depend on the number of threads.
  std::vector<double> measure(Graph quantized) const;

 private:
  using Answers = std::vector<std::vector<float>>;  ///< by sample and output
  Answers answers(std::shared_ptr<const Program> program) const;

  KeptInputs inputs_;
  int threads_;
  Answers expected_;
};

}  // namespace refcalib::engine
