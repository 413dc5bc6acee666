#include "engine/evaluation/metrics/confusion.h"

#include <cmath>
#include <map>

namespace refcalib::engine {

double Confusion::row(std::size_t truth) const {
  double sum = 0;
  for (std::size_t k = 0; k < labels; ++k) sum += at(truth, k);
  return sum;
}

double Confusion::column(std::size_t predicted) const {
  double sum = 0;
  for (std::size_t k = 0; k < labels; ++k) sum += at(k, predicted);
  return sum;
}

double Confusion::diagonal() const {
  double sum = 0;
  for (std::size_t k = 0; k < labels; ++k) sum += at(k, k);
  return sum;
}

double Confusion::total() const {
  double sum = 0;
  for (const double x : counts) sum += x;
  return sum;
}

std::vector<std::int32_t> mask_labels(const MaskPrediction& prediction, bool use_argmax) {
  const auto& plane = prediction.scores;
  const std::size_t area = plane.area();
  std::vector<std::int32_t> labels(area, 0);
  if (prediction.is_labels || !use_argmax || plane.channels == 1) {
    for (std::size_t i = 0; i < area; ++i)
      labels[i] = static_cast<std::int32_t>(std::lround(plane.values[i]));
    return labels;
  }
  std::vector<float> best(plane.values.begin(), plane.values.begin() + static_cast<std::ptrdiff_t>(area));
  for (int c = 1; c < plane.channels; ++c) {
    const float* const channel = plane.values.data() + static_cast<std::size_t>(c) * area;
    for (std::size_t i = 0; i < area; ++i)
      if (channel[i] > best[i]) {
        best[i] = channel[i];
        labels[i] = c;
      }
  }
  return labels;
}

std::vector<ConfusionCell> SegmentationMetric::observe(const Truth& truth,
                                                       const Prediction& prediction) const {
  const auto& mask = truth_as<MaskTruth>(truth, "a metric of masks").labels;
  const auto& seen = prediction_as<MaskPrediction>(prediction, "a metric of masks");
  if (mask.area() != seen.scores.area() || mask.width != seen.scores.width)
    throw UsageError("the mask has " + std::to_string(mask.width) + "x" + std::to_string(mask.height) +
                         " places, the prediction " + std::to_string(seen.scores.width) + "x" +
                         std::to_string(seen.scores.height),
                     {.remedy = "add a postprocessing `type: resize_segmentation_mask`"});
  const std::vector<std::int32_t> labels = mask_labels(seen, use_argmax_);
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> counts;
  const auto known = static_cast<std::int32_t>(labels_);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int32_t is = mask.values[i];
    // What is predicted outside the known labels is wrong: it counts for the truth's row, in no column of
    // its own, which the cell `labels_` stands for.
    if (is < 0 || is >= known) continue;
    const bool in_range = labels[i] >= 0 && labels[i] < known;
    ++counts[{static_cast<std::uint32_t>(is), static_cast<std::uint32_t>(in_range ? labels[i] : known)}];
  }
  std::vector<ConfusionCell> cells;
  for (const auto& [place, count] : counts) cells.push_back({place.first, place.second, count});
  return cells;
}

std::vector<double> SegmentationMetric::combine(const Samples& samples,
                                                std::span<const std::uint32_t> weights) const {
  Confusion confusion(labels_ + 1);
  for (std::size_t i = 0; i < samples.size(); ++i)
    if (samples[i] && weights[i] > 0)
      for (const ConfusionCell& cell : *samples[i])
        confusion.at(cell.truth, cell.predicted) += cell.count * weights[i];
  return of(confusion);
}

}  // namespace refcalib::engine
