#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "engine/evaluation/evaluate.h"
#include "engine/search/accuracy_goal.h"
#include "engine/search/mixed_network.h"
#include "engine/search/ranking_subset.h"

namespace refcalib::engine {

/// What one layer in integers does to a network in float.
struct LayerEffect {
  double drop = 0;          ///< of the metric on the subset, as AccuracyGoal::drop
  double output_error = 0;  ///< mean over the samples of the distance of the outputs, ReferenceOutputs::error
  /// Mean over the samples of the root of the mean squared error of the layer's own output as a share of its range, 1 for a range of 0:
  /// by this the tool of 2019 ordered layers. 0 where only whole runs were made.
  double own_error = 0;

  /// Both as shares of one, added: the metric where it moves, the outputs where it does not.
  double score() const noexcept { return (drop > 0 ? drop / 100 : 0) + output_error; }
};

struct EffectOptions {
  int threads = 0;                    ///< 0: all cores; the result does not depend on it
  std::size_t bytes = 1'000'000'000;  ///< memory for kept activations
  std::size_t metric = 0;             ///< number of the metric
  PreparedSamples* prepared = nullptr;
  std::function<bool()> stop{};  ///< true: end early
  std::function<void(std::size_t done, std::size_t all)>
      progress{};  ///< layers; called by one thread at a time
};

/// The effect of every layer alone in integers, on a subset. The network runs once in float over each sample; its activations are kept, as
/// many samples at a time as memory allows, and for every layer only what lies behind it runs again.
/// Empty if `stop` ended it. Throws as evaluate().
std::vector<LayerEffect> layer_effects(const MixedNetwork& network, const EvaluationConfig& config,
                                       const AnnotationSet& annotations, const RankingSubset& subset,
                                       const AccuracyGoal& goal, const EffectOptions& options);

}  // namespace refcalib::engine
