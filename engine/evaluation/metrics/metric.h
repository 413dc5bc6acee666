#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/evaluation/configuration/fields.h"
#include "engine/evaluation/sample.h"

namespace refcalib::engine {

/// How the values of a metric are to be read.
struct MetricInfo {
  std::string name;    ///< as the configuration calls it, else the type
  std::string type;    ///< name of the record
  double scale = 100;  ///< what is printed is value * scale
  std::string unit = "%";
  bool mean = true;  ///< the metric as one number: the mean of its values; else the first
  bool higher_is_better = true;
  std::vector<std::string> names;   ///< of the values, if there are several: classes
  std::optional<double> reference;  ///< what the configuration expects (a share, or in the metric's unit)
};

/// A figure of merit. It keeps, for every sample, what it needs to know (its evidence), and computes its
/// values over any choice of samples; so a part of a data set, or a bootstrap sample of it, costs no run of
/// the network.
class Metric {
 public:
  virtual ~Metric() = default;

  /// Makes room for samples 0 to count - 1 and forgets what there was.
  virtual void begin(std::size_t count) = 0;
  /// Keeps the evidence of a sample. Different samples may be added by several threads at once. Throws
  /// UsageError if the annotation or prediction is of another kind than the metric needs.
  virtual void add(std::size_t sample, const Truth& truth, const Prediction& prediction) = 0;
  /// After the last add().
  virtual void end() {}
  /// The values when sample i counts weights[i] times; samples without evidence count nothing. NaN for what
  /// cannot be said (a class that no sample has).
  virtual std::vector<double> values(std::span<const std::uint32_t> weights) const = 0;
  /// Evidence of one sample as a number whose mean over the samples is the metric, for paired tests; NaN
  /// without evidence, nullopt if the metric is no such mean.
  virtual std::optional<std::vector<double>> per_sample() const { return std::nullopt; }

  const MetricInfo& info() const noexcept { return info_; }
  MetricInfo& info() noexcept { return info_; }
  /// The one number: the mean of the values (without NaN; NaN if there are none), or the first.
  double value(std::span<const std::uint32_t> weights) const;

 private:
  MetricInfo info_;
};

/// A metric that keeps one Evidence for every sample.
template <class Evidence>
class EvidenceMetric : public Metric {
 public:
  void begin(std::size_t count) final { evidence_.assign(count, std::nullopt); }
  void add(std::size_t sample, const Truth& truth, const Prediction& prediction) final {
    evidence_.at(sample) = observe(truth, prediction);
  }
  std::vector<double> values(std::span<const std::uint32_t> weights) const final {
    return combine(evidence_, weights);
  }

 protected:
  using Samples = std::vector<std::optional<Evidence>>;
  const Samples& samples() const noexcept { return evidence_; }

  virtual Evidence observe(const Truth& truth, const Prediction& prediction) const = 0;
  virtual std::vector<double> combine(const Samples& samples,
                                      std::span<const std::uint32_t> weights) const = 0;

 private:
  Samples evidence_;
};

/// A metric that is the mean of one number for each sample.
class MeanMetric : public EvidenceMetric<double> {
 public:
  std::optional<std::vector<double>> per_sample() const override;

 protected:
  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override;
};

/// A kind of metric.
struct MetricRecord {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Metric> (*make)(Fields& fields, const DatasetMeta& meta) = nullptr;
  std::vector<std::string_view> aliases{};
};

/// All records, in the order of metrics.def.
std::span<const MetricRecord* const> metric_records() noexcept;

/// The metric that an entry of a configuration asks for, with the fields common to all: type, name,
/// reference, presenter. Throws FormatError with the place.
std::unique_ptr<Metric> make_metric(Fields& fields, const DatasetMeta& meta);

/// Names of labels, in their order.
std::vector<std::string> label_names(const DatasetMeta& meta, const std::vector<std::int64_t>& labels);

/// a / b; NaN if b is 0.
double ratio(double a, double b) noexcept;

}  // namespace refcalib::engine
