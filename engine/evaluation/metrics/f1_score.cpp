#include "engine/evaluation/metrics/confusion.h"
#include "engine/evaluation/topk.h"

namespace refcalib::engine {
namespace {

struct Labelled {
  std::int64_t truth = 0, predicted = 0;
};

/// Of each class 2 right / (2 right + taken for it + missed); NaN for a class that neither is nor is
/// predicted. With `pos_label`, of that class alone.
class F1Score : public EvidenceMetric<Labelled> {
 public:
  explicit F1Score(std::vector<std::int64_t> labels) : labels_(std::move(labels)) {}

 private:
  Labelled observe(const Truth& truth, const Prediction& prediction) const override {
    const auto& scores =
        prediction_as<ClassPrediction>(prediction, "metric 'classification_f1-score'").scores;
    const auto best = top_k(scores, 1);
    return {truth_as<ClassTruth>(truth, "metric 'classification_f1-score'").label,
            best.empty() ? -1 : static_cast<std::int64_t>(best.front())};
  }

  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override {
    std::vector<double> out;
    for (const std::int64_t label : labels_) {
      double right = 0, wrong = 0;
      for (std::size_t i = 0; i < samples.size(); ++i) {
        if (!samples[i]) continue;
        const bool is = samples[i]->truth == label, seen = samples[i]->predicted == label;
        right += is && seen ? weights[i] : 0U;
        wrong += is != seen ? weights[i] : 0U;
      }
      out.push_back(ratio(2 * right, 2 * right + wrong));
    }
    return out;
  }

  std::vector<std::int64_t> labels_;
};

std::unique_ptr<Metric> make(Fields& fields, const DatasetMeta& meta) {
  const auto positive = fields.optional_number("pos_label", {0, 1e9, true});
  const std::string map = fields.text("label_map", "label_map");
  std::vector<std::int64_t> labels;
  if (positive)
    labels = {static_cast<std::int64_t>(*positive)};
  else
    labels = meta.foreground(map, fields.what());
  auto metric = std::make_unique<F1Score>(labels);
  metric->info().names = label_names(meta, labels);
  return metric;
}

}  // namespace

extern const MetricRecord f1_score_metric{.name = "classification_f1-score",
                                          .summary = "harmonic mean of precision and recall of each class",
                                          .make = make,
                                          .aliases = {"f1", "f1-score", "f1_score"}};

}  // namespace refcalib::engine
