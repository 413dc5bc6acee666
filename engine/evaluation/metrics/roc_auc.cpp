#include <algorithm>
#include <limits>

#include "engine/evaluation/metrics/metric.h"

namespace refcalib::engine {
namespace {

struct Scored {
  std::int64_t label = 0;
  std::vector<float> scores;
};

/// Area under the receiver operating characteristic: the chance that a sample of the class scores higher than
/// one of another class, equal scores counting half (Mann-Whitney). One value for two classes (or one score),
/// else one for each class against the rest.
class RocAuc : public EvidenceMetric<Scored> {
  Scored observe(const Truth& truth, const Prediction& prediction) const override {
    return {truth_as<ClassTruth>(truth, "metric 'roc_auc_score'").label,
            prediction_as<ClassPrediction>(prediction, "metric 'roc_auc_score'").scores};
  }

  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override {
    std::size_t classes = 0;
    for (const auto& sample : samples)
      if (sample) classes = std::max(classes, sample->scores.size());
    if (classes <= 2) return {of_class(samples, weights, 1, classes == 2 ? 1 : 0)};
    std::vector<double> out;
    for (std::size_t c = 0; c < classes; ++c)
      out.push_back(of_class(samples, weights, static_cast<std::int64_t>(c), c));
    return out;
  }

  static double of_class(const Samples& samples, std::span<const std::uint32_t> weights, std::int64_t label,
                         std::size_t column) {
    struct Item {
      float score;
      double positive, negative;
    };
    std::vector<Item> items;
    double positives = 0, negatives = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (!samples[i] || weights[i] == 0 || column >= samples[i]->scores.size()) continue;
      const bool is = samples[i]->label == label;
      items.push_back({samples[i]->scores[column], is ? weights[i] : 0.0, is ? 0.0 : weights[i]});
      (is ? positives : negatives) += weights[i];
    }
    std::stable_sort(items.begin(), items.end(),
                     [](const Item& a, const Item& b) { return a.score < b.score; });
    double won = 0, below = 0;
    for (std::size_t i = 0; i < items.size();) {
      double positive = 0, negative = 0;
      const float score = items[i].score;
      for (; i < items.size() && items[i].score == score; ++i) {
        positive += items[i].positive;
        negative += items[i].negative;
      }
      won += positive * (below + negative / 2);
      below += negative;
    }
    return ratio(won, positives * negatives);
  }
};

std::unique_ptr<Metric> make(Fields&, const DatasetMeta&) {
  return std::make_unique<RocAuc>();
}

}  // namespace

extern const MetricRecord roc_auc_metric{.name = "roc_auc_score",
                                         .summary = "area under the receiver operating characteristic",
                                         .make = make,
                                         .aliases = {"roc_auc"}};

}  // namespace refcalib::engine
