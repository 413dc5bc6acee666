#include <cmath>

#include "engine/evaluation/metrics/metric.h"

namespace refcalib::engine {
namespace {

/// Error of one sample, averaged over its numbers.
double mean_error(const Truth& truth, const Prediction& prediction, double (*of)(double), const char* who) {
  const auto& real = truth_as<ValuesTruth>(truth, who).values;
  const auto& seen = prediction_as<ValuesPrediction>(prediction, who).values;
  if (real.size() != seen.size() || real.empty())
    throw UsageError(std::string(who) + ": the annotation has " + std::to_string(real.size()) +
                     " numbers, the prediction " + std::to_string(seen.size()));
  double sum = 0;
  for (std::size_t i = 0; i < real.size(); ++i) sum += of(seen[i] - real[i]);
  return sum / static_cast<double>(real.size());
}

double squared(double x) {
  return x * x;
}

/// Mean over the samples, and the standard deviation.
class ErrorMetric : public EvidenceMetric<double> {
 public:
  ErrorMetric(double (*of)(double), const char* who) : of_(of), who_(who) {}

  std::optional<std::vector<double>> per_sample() const override {
    std::vector<double> out;
    for (const auto& x : samples()) out.push_back(x ? *x : ratio(0, 0));
    return out;
  }

 protected:
  double observe(const Truth& truth, const Prediction& prediction) const override {
    return mean_error(truth, prediction, of_, who_);
  }
  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override {
    double sum = 0, count = 0, spread = 0;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (samples[i]) {
        sum += *samples[i] * weights[i];
        count += weights[i];
      }
    const double mean = ratio(sum, count);
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (samples[i]) spread += squared(*samples[i] - mean) * weights[i];
    return {mean, std::sqrt(ratio(spread, count))};
  }

 private:
  double (*of_)(double);
  const char* who_;
};

/// Root of the mean squared error over all samples; `per_sample`: mean of the roots, the Accuracy Checker's
/// figure (which for one number a sample is the mean absolute error).
class RootError : public EvidenceMetric<double> {
 public:
  explicit RootError(bool of_each) : of_each_(of_each) {}

 private:
  double observe(const Truth& truth, const Prediction& prediction) const override {
    return mean_error(truth, prediction, squared, "metric 'rmse'");
  }
  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override {
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (samples[i]) {
        sum += (of_each_ ? std::sqrt(*samples[i]) : *samples[i]) * weights[i];
        count += weights[i];
      }
    return {of_each_ ? ratio(sum, count) : std::sqrt(ratio(sum, count))};
  }

  bool of_each_;
};

void describe(Metric& metric, bool spread) {
  metric.info().scale = 1;
  metric.info().unit = "";
  metric.info().mean = false;
  metric.info().higher_is_better = false;
  if (spread) metric.info().names = {"mean", "std"};
}

std::unique_ptr<Metric> make_mae(Fields&, const DatasetMeta&) {
  auto metric = std::make_unique<ErrorMetric>([](double x) { return std::fabs(x); }, "metric 'mae'");
  describe(*metric, true);
  return metric;
}

std::unique_ptr<Metric> make_mse(Fields&, const DatasetMeta&) {
  auto metric = std::make_unique<ErrorMetric>(squared, "metric 'mse'");
  describe(*metric, true);
  return metric;
}

std::unique_ptr<Metric> make_rmse(Fields& fields, const DatasetMeta&) {
  auto metric = std::make_unique<RootError>(fields.flag("per_sample", false));
  describe(*metric, false);
  return metric;
}

}  // namespace

extern const MetricRecord mae_metric{.name = "mae", .summary = "mean absolute error", .make = make_mae};
extern const MetricRecord mse_metric{.name = "mse", .summary = "mean squared error", .make = make_mse};
extern const MetricRecord rmse_metric{
    .name = "rmse", .summary = "root of the mean squared error", .make = make_rmse};

}  // namespace refcalib::engine
