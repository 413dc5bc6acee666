#include <algorithm>
#include <limits>

#include "engine/evaluation/metrics/voc_matching.h"

namespace refcalib::engine {
namespace {

/// Share of the objects that are missed where so many detections are taken that each picture has `level` wrong ones: the mean of the
/// places before and behind that level, as the Accuracy Checker takes it.
class MissRate : public VocMetric {
 public:
  MissRate(const VocRules& rules, std::vector<std::int64_t> labels, double level)
      : VocMetric(rules, std::move(labels)), level_(level) {}

 private:
  double of_class(const PrecisionRecall& curve, std::size_t, double objects) const override {
    if (objects == 0) return std::numeric_limits<double>::quiet_NaN();
    if (curve.recall.empty()) return 1;
    const auto& wrong = curve.wrong_per_picture;
    const auto place =
        static_cast<std::size_t>(std::lower_bound(wrong.begin(), wrong.end(), level_) - wrong.begin());
    const std::size_t before = place == 0 ? 0 : place - 1;
    const std::size_t behind = place < wrong.size() ? place : before;
    return 1 - (curve.recall[before] + curve.recall[behind]) / 2;
  }

  double level_;
};

std::unique_ptr<Metric> make(Fields& fields, const DatasetMeta& meta) {
  const VocRules rules = VocRules::read(fields);
  const double level = fields.number("fppi_level", {}, {0, 1});
  const auto labels = meta.foreground(fields.text("label_map", "label_map"), fields.what());
  auto metric = std::make_unique<MissRate>(rules, labels, level);
  metric->info().names = label_names(meta, labels);
  metric->info().higher_is_better = false;
  return metric;
}

}  // namespace

extern const MetricRecord miss_rate_metric{
    .name = "miss_rate",
    .summary =
        "share of the objects that are missed at a number of wrong detections per picture (fppi_level)",
    .make = make};

}  // namespace refcalib::engine
