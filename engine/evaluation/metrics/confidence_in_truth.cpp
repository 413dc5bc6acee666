#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/evaluation/metrics/box_overlap.h"
#include "engine/evaluation/metrics/metric.h"

namespace refcalib::engine {
namespace {

constexpr double kLeast = 1e-6;  ///< of a probability: one answer that is surely wrong must not decide a mean

/// The logarithm of the probability of a class. Scores that are no probabilities become some by softmax.
double log_probability(const std::vector<float>& scores, std::size_t label) {
  double sum = 0, least = 0, most = -std::numeric_limits<double>::infinity();
  for (const float score : scores) {
    sum += static_cast<double>(score);
    least = std::min(least, static_cast<double>(score));
    most = std::max(most, static_cast<double>(score));
  }
  if (least >= 0 && std::abs(sum - 1) < 0.01)
    return std::log(std::max(kLeast, static_cast<double>(scores[label]) / sum));
  double total = 0;
  for (const float score : scores) total += std::exp(static_cast<double>(score) - most);
  return std::max(std::log(kLeast), static_cast<double>(scores[label]) - most - std::log(total));
}

/// The mean over the objects of the score of the best box of their label that overlaps them by half; 0 for an object without one.
double mean_score(const BoxTruth& truth, const BoxPrediction& prediction) {
  double sum = 0;
  for (std::size_t i = 0; i < truth.boxes.size(); ++i) {
    double best = 0;
    for (std::size_t k = 0; k < prediction.boxes.size(); ++k)
      if (prediction.labels[k] == truth.labels[i] && box_iou(truth.boxes[i], prediction.boxes[k], 0) >= 0.5)
        best = std::max(best, static_cast<double>(prediction.scores[k]));
    sum += best;
  }
  return truth.boxes.empty() ? std::numeric_limits<double>::quiet_NaN()
                             : sum / static_cast<double>(truth.boxes.size());
}

/// How sure the network is of what is true: finer than whether it is right.
class ConfidenceInTruth : public MeanMetric {
 private:
  double observe(const Truth& truth, const Prediction& prediction) const override {
    if (const auto* const boxes = std::get_if<BoxTruth>(&truth))
      return mean_score(*boxes, prediction_as<BoxPrediction>(prediction, "confidence_in_truth"));
    const auto label = truth_as<ClassTruth>(truth, "confidence_in_truth").label;
    const auto& scores = prediction_as<ClassPrediction>(prediction, "confidence_in_truth").scores;
    if (label < 0 || static_cast<std::size_t>(label) >= scores.size())
      return std::numeric_limits<double>::quiet_NaN();
    return log_probability(scores, static_cast<std::size_t>(label));
  }
};

std::unique_ptr<Metric> make(Fields&, const DatasetMeta&) {
  auto metric = std::make_unique<ConfidenceInTruth>();
  metric->info().scale = 1;
  metric->info().unit = "";
  return metric;
}

}  // namespace

extern const MetricRecord confidence_in_truth_metric{
    .name = "confidence_in_truth",
    .summary = "mean log-probability of the true class, or mean score of the boxes that find objects",
    .make = make};

}  // namespace refcalib::engine
