#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/evaluation/metrics/box_overlap.h"
#include "engine/evaluation/metrics/confusion.h"
#include "engine/evaluation/metrics/metric.h"
#include "engine/evaluation/topk.h"

namespace refcalib::engine {
namespace {

constexpr const char* kWho = "metric 'agreement'";

double agreement(const ClassTruth& truth, const Prediction& prediction, double) {
  const auto best = top_k(prediction_as<ClassPrediction>(prediction, kWho).scores, 1);
  return !best.empty() && static_cast<std::int64_t>(best.front()) == truth.label ? 1 : 0;
}

/// Twice the boxes that have a partner of their label that they overlap by half, by all boxes of both sides; 1 if there are none.
double agreement(const BoxTruth& truth, const Prediction& prediction, double least_score) {
  const auto& seen = prediction_as<BoxPrediction>(prediction, kWho);
  std::vector<std::size_t> order(seen.boxes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return static_cast<double>(seen.scores[i]) < least_score; });
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return seen.scores[a] > seen.scores[b]; });
  std::vector<bool> taken(truth.boxes.size(), false);
  double partners = 0;
  for (const std::size_t i : order) {
    double most = 0.5;
    std::size_t best = truth.boxes.size();
    for (std::size_t k = 0; k < truth.boxes.size(); ++k) {
      const double overlap = box_iou(seen.boxes[i], truth.boxes[k], 0);
      if (taken[k] || truth.labels[k] != seen.labels[i] || overlap < most) continue;
      most = overlap;
      best = k;
    }
    if (best == truth.boxes.size()) continue;
    taken[best] = true;
    ++partners;
  }
  const auto all = static_cast<double>(order.size() + truth.boxes.size());
  return all > 0 ? 2 * partners / all : 1.0;
}

/// The share of the places that have the same label.
double agreement(const MaskTruth& truth, const Prediction& prediction, double) {
  const auto labels = mask_labels(prediction_as<MaskPrediction>(prediction, kWho), true);
  if (labels.size() != truth.labels.values.size())
    throw UsageError("the mask has " + std::to_string(truth.labels.values.size()) +
                         " places, the prediction " + std::to_string(labels.size()),
                     {.remedy = "add a postprocessing `type: resize_segmentation_mask`"});
  double same = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) same += labels[i] == truth.labels.values[i] ? 1 : 0;
  return labels.empty() ? 1.0 : same / static_cast<double>(labels.size());
}

/// The cosine, not below 0; 1 if both are nothing but 0.
template <class A, class B>
double cosine(const A& a, const B& b) {
  if (a.size() != b.size())
    throw UsageError("the truth has " + std::to_string(a.size()) + " numbers, the prediction " +
                     std::to_string(b.size()));
  double product = 0, first = 0, second = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    product += x * y;
    first += x * x;
    second += y * y;
  }
  if (first == 0 || second == 0) return first == second ? 1.0 : 0.0;
  return std::max(0.0, product / std::sqrt(first * second));
}

double agreement(const ValuesTruth& truth, const Prediction& prediction, double) {
  return cosine(truth.values, prediction_as<ValuesPrediction>(prediction, kWho).values);
}

double agreement(const PictureTruth& truth, const Prediction& prediction, double) {
  return cosine(truth.picture.values, prediction_as<PicturePrediction>(prediction, kWho).picture.values);
}

double agreement(const ItemTruth&, const Prediction&, double) {
  throw UsageError("metric 'agreement' does not know items of users");
}

/// How far a network says what is true, whatever kind that is: made for truth that is another network's answer.
class Agreement : public MeanMetric {
 public:
  explicit Agreement(double least_score) : least_score_(least_score) {}

 private:
  double observe(const Truth& truth, const Prediction& prediction) const override {
    return std::visit([&](const auto& kind) { return agreement(kind, prediction, least_score_); }, truth);
  }

  double least_score_;  ///< of boxes
};

std::unique_ptr<Metric> make(Fields& fields, const DatasetMeta&) {
  return std::make_unique<Agreement>(fields.number("min_confidence", 0.5, {0, 1}));
}

}  // namespace

extern const MetricRecord agreement_metric{
    .name = "agreement",
    .summary = "same best class, share of boxes with a partner or of equal places, cosine of numbers",
    .make = make};

}  // namespace refcalib::engine
