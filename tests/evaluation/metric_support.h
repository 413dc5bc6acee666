#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/evaluation/metrics/metric.h"

namespace refcalib_test {

/// The metric that these fields of a configuration make.
inline std::unique_ptr<refcalib::engine::Metric> metric_of(
    const std::vector<std::pair<std::string, std::string>>& entries,
    const refcalib::engine::DatasetMeta& meta = {}) {
  const refcalib::engine::ConfigNode node = refcalib::engine::map_node(entries);
  refcalib::engine::Fields fields(node, "metric");
  return refcalib::engine::make_metric(fields, meta);
}

/// Labels 0 … count - 1 called "a", "b", …
inline refcalib::engine::DatasetMeta letters(std::int64_t count) {
  refcalib::engine::DatasetMeta meta;
  for (std::int64_t i = 0; i < count; ++i)
    meta.label_maps["label_map"][i] = std::string(1, static_cast<char>('a' + i));
  return meta;
}

using Sample = std::pair<refcalib::engine::Truth, refcalib::engine::Prediction>;

/// Shows the samples to a metric.
inline void show(refcalib::engine::Metric& metric, const std::vector<Sample>& samples) {
  metric.begin(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) metric.add(i, samples[i].first, samples[i].second);
  metric.end();
}

/// The metric's one number over all samples.
inline double value_of(refcalib::engine::Metric& metric, const std::vector<Sample>& samples) {
  show(metric, samples);
  return metric.value(std::vector<std::uint32_t>(samples.size(), 1));
}

inline std::vector<double> values_of(refcalib::engine::Metric& metric, const std::vector<Sample>& samples) {
  show(metric, samples);
  return metric.values(std::vector<std::uint32_t>(samples.size(), 1));
}

}  // namespace refcalib_test
