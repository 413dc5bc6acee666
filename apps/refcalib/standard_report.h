#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/refcalib/report.h"
#include "engine/evaluation/evaluate.h"
#include "engine/search/accuracy_goal.h"
#include "engine/search/accuracy_search.h"
#include "engine/search/layer_effects.h"

namespace refcalib::app {

/// What standard mode did, for people and as JSON.
struct StandardReport {
  std::string model, dataset, output, method;
  engine::MetricInfo metric;
  engine::AccuracyGoal goal;
  std::size_t samples = 0;
  double reference = 0, all_int8 = 0,
         all_int8_drop = 0;  ///< values as Metric::value, drops as AccuracyGoal::drop
  std::vector<std::string> layers;
  double float_cost = 0;                     ///< of the network in float, in the unit of the trials
  bool measured_cost = false;                ///< seconds instead of a model of the work
  engine::FloatSet start;                    ///< in float because integers are slower there
  std::vector<engine::LayerEffect> effects;  ///< empty without a search
  std::size_t subset = 0;                    ///< samples of the comparisons
  engine::SearchResult search;
  double value = 0;  ///< of the best network in INT8
  std::optional<engine::PairedDifference> difference{};
  std::size_t complete = 0, partial = 0;  ///< evaluations on all samples, and those that ended early
  double passes = 0;                      ///< both in passes over all samples
  bool met = false;
  bool in_float = false;  ///< the best network is slower than FP32, which was written instead

  /// The chosen layers in float, the trials, the result. `every_layer`: also the layers in integers.
  void print(Report& report, bool every_layer) const;
  std::string json() const;

  /// "90.333 %": a value of the metric in its unit.
  std::string text_of(double figure) const;
  /// "0.667 points" or "0.667 % of FP32".
  std::string drop_text(double drop) const;

 private:
  const engine::FloatSet& chosen() const;
  /// Whether nothing that was evaluated, FP32 included, is both faster and as accurate.
  bool on_front(double cost, double drop) const;
  std::string reason(std::size_t layer) const;
};

}  // namespace refcalib::app
