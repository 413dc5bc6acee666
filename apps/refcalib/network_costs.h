#pragma once

#include <map>
#include <string>
#include <vector>

#include "apps/refcalib/calibrate_options.h"
#include "engine/evaluation/dataset.h"
#include "engine/search/float_set.h"
#include "engine/search/mixed_network.h"
#include "engine/search/search_journal.h"

namespace refcalib::app {

/// What a run costs for networks that differ in the layers in float: by a model of the work (execution_cost), or measured here in
/// seconds if the options of the search ask for that. Measured networks take turns with the one in float, and the median of the
/// ratios counts: what else a machine does slows both.
class NetworkCosts {
 public:
  /// All must outlive it. Measured times go through the journal: a resumed search decides by the times of the first one.
  NetworkCosts(const engine::MixedNetwork& network, const CalibrateOptions& options, engine::Dataset& dataset,
               engine::SearchJournal& journal)
      : network_(network), options_(options), dataset_(dataset), journal_(journal) {}

  double of(const engine::FloatSet& floats);
  double in_float() { return of(engine::FloatSet(network_.layers().size(), true)); }
  /// Layers that make the network faster in float than in integers with the conversions around them, each measured alone. None by
  /// the model of the work, which has none that are worth an exception.
  engine::FloatSet slower_in_int8();

 private:
  /// Two networks in turns.
  struct Times {
    double first = 0;            ///< seconds, median
    std::vector<double> ratios;  ///< second / first, ascending
  };
  Times in_turns(const engine::FloatSet& first, const engine::FloatSet& second);

  const engine::MixedNetwork& network_;
  const CalibrateOptions& options_;
  engine::Dataset& dataset_;
  engine::SearchJournal& journal_;
  std::map<std::string, double> known_;
  double float_seconds_ = 0;
};

}  // namespace refcalib::app
