#include <algorithm>
#include <limits>

#include "engine/evaluation/metrics/voc_matching.h"

namespace refcalib::engine {
namespace {

/// Mean over recall 0, 0.1 … 1 of the best precision at that recall or more (VOC up to 2009).
double eleven_points(const PrecisionRecall& curve) {
  double sum = 0;
  for (int i = 0; i <= 10; ++i) {
    // The points as a sum of steps would be rounded differently; i * 0.1 is what numpy.arange gives.
    const double point = i * 0.1;
    double best = 0;
    for (std::size_t k = 0; k < curve.recall.size(); ++k)
      if (curve.recall[k] >= point) best = std::max(best, curve.precision[k]);
    sum += best / 11;
  }
  return sum;
}

/// Area under the precision made monotone from the right (VOC from 2010 on).
double area(const PrecisionRecall& curve) {
  std::vector<double> precision = curve.precision;
  for (std::size_t k = precision.size(); k-- > 1;)
    precision[k - 1] = std::max(precision[k - 1], precision[k]);
  double sum = 0, before = 0;
  for (std::size_t k = 0; k < precision.size(); ++k) {
    sum += (curve.recall[k] - before) * precision[k];
    before = curve.recall[k];
  }
  return sum;
}

class MeanAveragePrecision : public VocMetric {
 public:
  MeanAveragePrecision(const VocRules& rules, std::vector<std::int64_t> labels, bool eleven,
                       bool count_missed)
      : VocMetric(rules, std::move(labels)), eleven_(eleven), count_missed_(count_missed) {}

 private:
  double of_class(const PrecisionRecall& curve, std::size_t detections, double objects) const override {
    if (detections == 0 && !(count_missed_ && objects > 0)) return std::numeric_limits<double>::quiet_NaN();
    return eleven_ ? eleven_points(curve) : area(curve);
  }

  bool eleven_, count_missed_;
};

std::unique_ptr<Metric> make(Fields& fields, const DatasetMeta& meta) {
  const VocRules rules = VocRules::read(fields);
  const bool eleven = fields.choice("integral", "max", {"max", "11point"}) == "11point";
  const bool count_missed = fields.flag("count_undetected_classes", false);
  const auto labels = meta.foreground(fields.text("label_map", "label_map"), fields.what());
  auto metric = std::make_unique<MeanAveragePrecision>(rules, labels, eleven, count_missed);
  metric->info().names = label_names(meta, labels);
  return metric;
}

/// Recall behind the last detection.
class DetectionRecall : public VocMetric {
 public:
  using VocMetric::VocMetric;

 private:
  double of_class(const PrecisionRecall& curve, std::size_t, double objects) const override {
    if (objects == 0) return std::numeric_limits<double>::quiet_NaN();
    return curve.recall.empty() ? 0.0 : curve.recall.back();
  }
};

std::unique_ptr<Metric> make_recall(Fields& fields, const DatasetMeta& meta) {
  const VocRules rules = VocRules::read(fields);
  const auto labels = meta.foreground(fields.text("label_map", "label_map"), fields.what());
  auto metric = std::make_unique<DetectionRecall>(rules, labels);
  metric->info().names = label_names(meta, labels);
  return metric;
}

}  // namespace

/// A class that has objects but no detections is left out of the mean, as the Accuracy Checker does;
/// `count_undetected_classes` counts it as 0, as the VOC development kit does.
extern const MetricRecord map_metric{
    .name = "map", .summary = "mean average precision of boxes by the rules of Pascal VOC", .make = make};
extern const MetricRecord detection_recall_metric{
    .name = "recall", .summary = "share of the objects that were found", .make = make_recall};

}  // namespace refcalib::engine
