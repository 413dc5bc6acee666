#include <algorithm>

#include "engine/core/error.h"
#include "engine/evaluation/metrics/metric.h"
#include "engine/evaluation/topk.h"

namespace refcalib::engine {
namespace {

/// Whether the true class is among the k best. Throws FormatError if the network has no such class: nothing that it says could be right.
bool among_best(std::int64_t label, const ClassPrediction& prediction, std::size_t k) {
  if (label < 0 || label >= static_cast<std::int64_t>(prediction.scores.size()))
    throw FormatError("its label " + std::to_string(label) + " is none of the " +
                      std::to_string(prediction.scores.size()) + " classes of the network");
  const auto best = top_k(prediction.scores, k);
  return std::find(best.begin(), best.end(), static_cast<std::size_t>(label)) != best.end();
}

/// 1 if the true class is among the k best, else 0. Of equal scores the lower class is the better one.
class Accuracy : public MeanMetric {
 public:
  explicit Accuracy(std::size_t k) : k_(k) {}

 private:
  double observe(const Truth& truth, const Prediction& prediction) const override {
    const auto label = truth_as<ClassTruth>(truth, "metric 'accuracy'").label;
    return among_best(label, prediction_as<ClassPrediction>(prediction, "metric 'accuracy'"), k_) ? 1 : 0;
  }

  std::size_t k_;
};

struct ClassHit {
  std::int64_t label = 0;
  bool hit = false;
};

/// The same for the samples of each class.
class AccuracyPerClass : public EvidenceMetric<ClassHit> {
 public:
  AccuracyPerClass(std::size_t k, std::vector<std::int64_t> labels) : k_(k), labels_(std::move(labels)) {}

 private:
  ClassHit observe(const Truth& truth, const Prediction& prediction) const override {
    const auto label = truth_as<ClassTruth>(truth, "metric 'accuracy_per_class'").label;
    const auto& scores = prediction_as<ClassPrediction>(prediction, "metric 'accuracy_per_class'");
    return {label, among_best(label, scores, k_)};
  }

  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override {
    std::map<std::int64_t, std::pair<double, double>> counts;  // hits, samples
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (samples[i]) {
        auto& [hits, all] = counts[samples[i]->label];
        hits += samples[i]->hit ? weights[i] : 0U;
        all += weights[i];
      }
    std::vector<double> out;
    for (const std::int64_t label : labels_) out.push_back(ratio(counts[label].first, counts[label].second));
    return out;
  }

  std::size_t k_;
  std::vector<std::int64_t> labels_;
};

std::size_t read_k(Fields& fields) {
  return static_cast<std::size_t>(fields.integer("top_k", 1, 1, 1000000));
}

std::unique_ptr<Metric> make(Fields& fields, const DatasetMeta&) {
  return std::make_unique<Accuracy>(read_k(fields));
}

std::unique_ptr<Metric> make_per_class(Fields& fields, const DatasetMeta& meta) {
  const std::size_t k = read_k(fields);
  const std::string map = fields.text("label_map", "label_map");
  // The label of the background is a class like any other here.
  const auto found = meta.label_maps.find(map);
  std::vector<std::int64_t> labels;
  if (found != meta.label_maps.end())
    for (const auto& [label, name] : found->second) labels.push_back(label);
  if (labels.empty()) labels = meta.foreground(map, fields.what());
  auto metric = std::make_unique<AccuracyPerClass>(k, labels);
  metric->info().names = label_names(meta, labels);
  return metric;
}

}  // namespace

extern const MetricRecord accuracy_metric{
    .name = "accuracy", .summary = "share of samples whose class is among the top_k best", .make = make};
extern const MetricRecord accuracy_per_class_metric{.name = "accuracy_per_class",
                                                    .summary = "the same for the samples of each class",
                                                    .make = make_per_class};

}  // namespace refcalib::engine
