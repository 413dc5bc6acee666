#pragma once

#include <cstdint>
#include <vector>

#include "engine/evaluation/metrics/metric.h"

namespace refcalib::engine {

/// How often each label was taken for which: a square of counts, rows by truth, columns by prediction.
struct Confusion {
  std::size_t labels = 0;
  std::vector<double> counts;  ///< [labels][labels]

  explicit Confusion(std::size_t size = 0) : labels(size), counts(size * size, 0.0) {}
  double& at(std::size_t truth, std::size_t predicted) { return counts[truth * labels + predicted]; }
  double at(std::size_t truth, std::size_t predicted) const { return counts[truth * labels + predicted]; }
  double row(std::size_t truth) const;
  double column(std::size_t predicted) const;
  double diagonal() const;
  double total() const;
};

/// The places where one label was taken for another, those that occur.
struct ConfusionCell {
  std::uint32_t truth = 0, predicted = 0;
  double count = 0;
};

/// Base of the metrics of masks: counts places of the picture whose true label is among 0 … labels - 1.
class SegmentationMetric : public EvidenceMetric<std::vector<ConfusionCell>> {
 public:
  SegmentationMetric(std::size_t labels, bool use_argmax) : labels_(labels), use_argmax_(use_argmax) {}

 protected:
  std::vector<ConfusionCell> observe(const Truth& truth, const Prediction& prediction) const override;
  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override;
  virtual std::vector<double> of(const Confusion& confusion) const = 0;

 private:
  std::size_t labels_;
  bool use_argmax_;
};

/// The label of every place: the best channel (of equal ones the first), or the label itself.
std::vector<std::int32_t> mask_labels(const MaskPrediction& prediction, bool use_argmax);

}  // namespace refcalib::engine
