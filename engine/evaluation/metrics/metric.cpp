#include "engine/evaluation/metrics/metric.h"

#include <array>
#include <cmath>
#include <limits>

#include "engine/evaluation/registry.h"

namespace refcalib::engine {

#define REFCALIB_METRIC(name) extern const MetricRecord name##_metric;
#include "engine/evaluation/metrics/metrics.def"
#undef REFCALIB_METRIC

namespace {
constexpr std::array records = {
#define REFCALIB_METRIC(name) &name##_metric,
#include "engine/evaluation/metrics/metrics.def"
#undef REFCALIB_METRIC
};
}  // namespace

std::span<const MetricRecord* const> metric_records() noexcept {
  return records;
}

double ratio(double a, double b) noexcept {
  return b == 0 ? std::numeric_limits<double>::quiet_NaN() : a / b;
}

double Metric::value(std::span<const std::uint32_t> weights) const {
  const std::vector<double> all = values(weights);
  if (!info_.mean) return all.empty() ? std::numeric_limits<double>::quiet_NaN() : all.front();
  double sum = 0, count = 0;
  for (const double x : all)
    if (!std::isnan(x)) {
      sum += x;
      ++count;
    }
  return ratio(sum, count);
}

std::optional<std::vector<double>> MeanMetric::per_sample() const {
  std::vector<double> out;
  for (const auto& x : samples()) out.push_back(x.value_or(std::numeric_limits<double>::quiet_NaN()));
  return out;
}

std::vector<double> MeanMetric::combine(const Samples& samples,
                                        std::span<const std::uint32_t> weights) const {
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < samples.size(); ++i)
    if (samples[i] && !std::isnan(*samples[i]) && weights[i] > 0) {
      sum += *samples[i] * weights[i];
      count += weights[i];
    }
  return {ratio(sum, count)};
}

std::vector<std::string> label_names(const DatasetMeta& meta, const std::vector<std::int64_t>& labels) {
  std::vector<std::string> names;
  for (const std::int64_t label : labels) names.push_back(meta.label_name(label));
  return names;
}

std::unique_ptr<Metric> make_metric(Fields& fields, const DatasetMeta& meta) {
  const MetricRecord& record = choose_record(fields, "type", metric_records(), "metric");
  const std::string name = fields.text("name", record.name);
  const auto reference = fields.optional_number("reference", {});
  fields.choice("presenter", "print_scalar", {"print_scalar", "print_vector", "return_value"});
  auto metric = record.make(fields, meta);
  metric->info().name = name;
  metric->info().type = record.name;
  metric->info().reference = reference;
  fields.finish();
  return metric;
}

}  // namespace refcalib::engine
