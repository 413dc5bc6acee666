#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/evaluation/evaluate.h"

namespace refcalib::app {

/// The figures of several evaluations. A figure of a later one is compared with that of the first one on the
/// same dataset, sample by sample.
class AccuracyReport {
 public:
  struct Style {
    bool per_class = false, intervals = false;
  };

  void add(const engine::EvaluationConfig& config, engine::Evaluation evaluation);

  std::string pretty(const Style& style) const;
  std::string csv(const Style& style) const;
  std::string json(const Style& style) const;

 private:
  struct Entry {
    std::string model, dataset;
    engine::Evaluation evaluation;
  };
  /// One figure, in the unit of its metric.
  struct Figure {
    std::string model, dataset, metric, unit;
    double value = 0;
    std::optional<double> reference{};
    std::optional<std::pair<double, double>> interval{};
    std::optional<engine::PairedDifference> difference{};
    std::vector<std::pair<std::string, double>> classes{};
  };
  std::vector<Figure> figures(const Style& style) const;
  const Entry* baseline(std::size_t index) const;

  std::vector<Entry> entries_;
};

}  // namespace refcalib::app
