#include <algorithm>
#include <cmath>

#include "engine/evaluation/adapters/adapter.h"

namespace refcalib::engine {
namespace {

/// A score for each class. With `argmax_output` the output is the number of the class itself.
class Classification : public Adapter {
 public:
  Classification(std::string output, bool argmax) : output_(std::move(output)), argmax_(argmax) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    const auto values = run.row(run.output(output_, "adapter 'classification'"), row);
    if (!argmax_) return ClassPrediction{{values.begin(), values.end()}};
    if (values.size() != 1 || !(values[0] >= 0 && values[0] < 1e6F))
      throw UsageError("adapter 'classification' with argmax_output needs one class number for each sample");
    ClassPrediction prediction;
    const auto best = static_cast<std::size_t>(std::lround(values[0]));
    prediction.scores.assign(best + 1, 0.0F);
    prediction.scores[best] = 1;
    return prediction;
  }

 private:
  std::string output_;
  bool argmax_;
};

std::unique_ptr<Adapter> make(Fields& fields) {
  const bool argmax = fields.flag("argmax_output", false);
  return std::make_unique<Classification>(fields.text("classification_output", ""), argmax);
}

/// Any output as numbers.
class Regression : public Adapter {
 public:
  explicit Regression(std::string output) : output_(std::move(output)) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    const auto values = run.row(run.output(output_, "adapter 'regression'"), row);
    return ValuesPrediction{{values.begin(), values.end()}};
  }

 private:
  std::string output_;
};

std::unique_ptr<Adapter> make_regression(Fields& fields) {
  return std::make_unique<Regression>(fields.text("output", ""));
}

/// One score for a user and an item.
class HitRatio : public Adapter {
  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    const auto values = run.row(run.output("", "adapter 'hit_ratio_adapter'"), row);
    if (values.size() != 1)
      throw UsageError("adapter 'hit_ratio_adapter' needs one score for each sample; output '" +
                       run.outputs.front().name + "' has " + std::to_string(values.size()));
    return ItemPrediction{static_cast<double>(values[0])};
  }
};

std::unique_ptr<Adapter> make_hit_ratio(Fields&) {
  return std::make_unique<HitRatio>();
}

}  // namespace

extern const AdapterRecord classification_adapter{
    .name = "classification", .summary = "a score for each class", .make = make};
extern const AdapterRecord regression_adapter{
    .name = "regression", .summary = "numbers as they are", .make = make_regression};
extern const AdapterRecord hit_ratio_adapter{
    .name = "hit_ratio_adapter", .summary = "one score for a user and an item", .make = make_hit_ratio};

}  // namespace refcalib::engine
