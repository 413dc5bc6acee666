#include <algorithm>
#include <cmath>

#include "engine/evaluation/metrics/confusion.h"

namespace refcalib::engine {
namespace {

void check_same(const Plane<std::int32_t>& mask, std::size_t area, const char* who) {
  if (mask.area() != area)
    throw UsageError("metric '" + std::string(who) + "': the mask has " + std::to_string(mask.area()) +
                     " places, the prediction " + std::to_string(area));
}

/// (2 sum p g + 1) / (sum p + sum g + 1) of each slice of a volume, averaged over the slices; p: the
/// prediction's channel 0 as it is, g: the mask.
class Dice : public MeanMetric {
  double observe(const Truth& truth, const Prediction& prediction) const override {
    const auto& mask = truth_as<MaskTruth>(truth, "metric 'dice'").labels;
    const auto& seen = prediction_as<MaskPrediction>(prediction, "metric 'dice'").scores;
    check_same(mask, seen.area(), "dice");
    const auto slices = static_cast<std::size_t>(std::max(1, mask.depth));
    const std::size_t area = mask.area() / slices;
    double sum = 0;
    for (std::size_t s = 0; s < slices; ++s) {
      double both = 0, predicted = 0, real = 0;
      for (std::size_t i = s * area; i < (s + 1) * area; ++i) {
        const auto p = static_cast<double>(seen.values[i]);
        both += p * mask.values[i];
        predicted += p;
        real += mask.values[i];
      }
      sum += (2 * both + 1) / (predicted + real + 1);
    }
    return sum / static_cast<double>(slices);
  }
};

/// Dice of each label of one sample; NaN where neither has it.
using DiceOfLabels = std::vector<double>;

/// 2 |P and G| / (|P| + |G|) of each label, label 0 standing for "any other": the whole.
class DiceIndex : public EvidenceMetric<DiceOfLabels> {
 public:
  DiceIndex(std::size_t labels, bool median) : labels_(labels), median_(median) {}

 private:
  DiceOfLabels observe(const Truth& truth, const Prediction& prediction) const override {
    const auto& mask = truth_as<MaskTruth>(truth, "metric 'dice_index'").labels;
    const auto seen = mask_labels(prediction_as<MaskPrediction>(prediction, "metric 'dice_index'"), true);
    check_same(mask, seen.size(), "dice_index");
    std::vector<double> both(labels_), predicted(labels_), real(labels_);
    const auto has = [&](std::int32_t value, std::size_t label) {
      return label == 0 ? value > 0 : value == static_cast<std::int32_t>(label);
    };
    for (std::size_t i = 0; i < seen.size(); ++i)
      for (std::size_t k = 0; k < labels_; ++k) {
        const bool p = has(seen[i], k), g = has(mask.values[i], k);
        both[k] += p && g ? 1 : 0;
        predicted[k] += p ? 1 : 0;
        real[k] += g ? 1 : 0;
      }
    DiceOfLabels out;
    for (std::size_t k = 0; k < labels_; ++k) out.push_back(ratio(2 * both[k], predicted[k] + real[k]));
    return out;
  }

  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override {
    std::vector<double> out;
    for (std::size_t k = 0; k < labels_; ++k) {
      std::vector<double> all;
      for (std::size_t i = 0; i < samples.size(); ++i)
        if (samples[i] && !std::isnan((*samples[i])[k])) all.insert(all.end(), weights[i], (*samples[i])[k]);
      out.push_back(median_ ? median(all) : mean(all));
    }
    return out;
  }

  static double mean(const std::vector<double>& all) {
    double sum = 0;
    for (const double x : all) sum += x;
    return ratio(sum, static_cast<double>(all.size()));
  }
  static double median(std::vector<double> all) {
    std::sort(all.begin(), all.end());
    const std::size_t n = all.size();
    return n == 0 ? ratio(0, 0) : n % 2 == 1 ? all[n / 2] : (all[n / 2 - 1] + all[n / 2]) / 2;
  }

  std::size_t labels_;
  bool median_;
};

std::unique_ptr<Metric> make(Fields&, const DatasetMeta&) {
  return std::make_unique<Dice>();
}

std::unique_ptr<Metric> make_index(Fields& fields, const DatasetMeta& meta) {
  const bool median = fields.flag("median", false);
  const bool mean = fields.flag("mean", !median);
  if (mean == median) fields.fail("median", "exactly one of 'mean' and 'median' must be True");
  const auto& labels = meta.labels();
  if (labels.empty()) meta.foreground("label_map", fields.what());  // throws
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(0, labels.rbegin()->first)) + 1;
  auto metric = std::make_unique<DiceIndex>(count, median);
  for (std::size_t k = 0; k < count; ++k)
    metric->info().names.push_back(k == 0 ? "whole" : meta.label_name(static_cast<std::int64_t>(k)));
  return metric;
}

}  // namespace

extern const MetricRecord dice_metric{
    .name = "dice", .summary = "overlap of masks, averaged over the slices of a volume", .make = make};
extern const MetricRecord dice_index_metric{
    .name = "dice_index", .summary = "overlap of masks for each label", .make = make_index};

}  // namespace refcalib::engine
