#include <type_traits>

#include "engine/evaluation/metrics/confusion.h"

namespace refcalib::engine {
namespace {

// The confusion has one label more than there are: the last column holds predictions outside the labels.

/// Share of the places that have the right label.
class SegmentationAccuracy : public SegmentationMetric {
  using SegmentationMetric::SegmentationMetric;
  std::vector<double> of(const Confusion& c) const override { return {ratio(c.diagonal(), c.total())}; }
};

/// Of each label: both / either. With `only_present`, of labels that the truth has.
class MeanIou : public SegmentationMetric {
 public:
  using SegmentationMetric::SegmentationMetric;
  void leave_out_absent(bool yes) { only_present_ = yes; }

 private:
  std::vector<double> of(const Confusion& c) const override {
    std::vector<double> out;
    for (std::size_t k = 0; k + 1 < c.labels; ++k) {
      const double either = c.row(k) + c.column(k) - c.at(k, k);
      out.push_back(ratio(c.at(k, k), only_present_ && c.row(k) == 0 ? 0 : either));
    }
    return out;
  }
  bool only_present_ = false;
};

/// Of each label: share of its places that have it.
class MeanAccuracy : public SegmentationMetric {
  using SegmentationMetric::SegmentationMetric;
  std::vector<double> of(const Confusion& c) const override {
    std::vector<double> out;
    for (std::size_t k = 0; k + 1 < c.labels; ++k) out.push_back(ratio(c.at(k, k), c.row(k)));
    return out;
  }
};

/// IoU of the labels, weighted by how many places have them.
class FrequencyWeightedAccuracy : public SegmentationMetric {
  using SegmentationMetric::SegmentationMetric;
  std::vector<double> of(const Confusion& c) const override {
    double sum = 0;
    for (std::size_t k = 0; k + 1 < c.labels; ++k) {
      const double either = c.row(k) + c.column(k) - c.at(k, k);
      if (either > 0) sum += c.row(k) * c.at(k, k) / either;
    }
    return {ratio(sum, c.total())};
  }
};

template <class M, bool kPerLabel>
std::unique_ptr<Metric> make(Fields& fields, const DatasetMeta& meta) {
  const bool use_argmax = fields.flag("use_argmax", true);
  const std::string map = fields.text("label_map", "label_map");
  const auto found = meta.label_maps.find(map);
  if (found == meta.label_maps.end() || found->second.empty()) meta.foreground(map, fields.what());  // throws
  const std::int64_t highest = found->second.rbegin()->first;
  if (found->second.begin()->first < 0 || highest > 65535)
    throw UsageError(fields.what() + " takes labels from 0 to 65535");
  auto metric = std::make_unique<M>(static_cast<std::size_t>(highest) + 1, use_argmax);
  if constexpr (std::is_same_v<M, MeanIou>) metric->leave_out_absent(fields.flag("only_present", false));
  if (kPerLabel)
    for (std::int64_t k = 0; k <= highest; ++k) metric->info().names.push_back(meta.label_name(k));
  return metric;
}

}  // namespace

extern const MetricRecord segmentation_accuracy_metric{.name = "segmentation_accuracy",
                                                       .summary = "share of the places with the right label",
                                                       .make = make<SegmentationAccuracy, false>};
/// A label that neither is nor is predicted anywhere is left out of the mean; `only_present` leaves out all that
/// the truth does not have.
extern const MetricRecord mean_iou_metric{
    .name = "mean_iou", .summary = "intersection over union of each label", .make = make<MeanIou, true>};
extern const MetricRecord mean_accuracy_metric{.name = "mean_accuracy",
                                               .summary = "share of each label's places that have it",
                                               .make = make<MeanAccuracy, true>};
extern const MetricRecord frequency_weighted_accuracy_metric{
    .name = "frequency_weighted_accuracy",
    .summary = "intersection over union, labels weighted by their places",
    .make = make<FrequencyWeightedAccuracy, false>};

}  // namespace refcalib::engine
