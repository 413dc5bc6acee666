#include <cmath>

#include "engine/evaluation/adapters/adapter.h"

namespace refcalib::engine {
namespace {

const NetworkOutput& rows_of(const NetworkRun& run, const std::string& name, std::int64_t width,
                             std::string_view who) {
  if (!name.empty()) return run.output(name, who);
  for (const NetworkOutput& output : run.outputs)
    if (!output.shape.empty() && output.shape.back() == width) return output;
  throw UsageError(std::string(who) + ": no output has rows of " + std::to_string(width) + " numbers");
}

/// Rows [image, label, score, x1, y1, x2, y2] of a DetectionOutput, boxes as shares of the picture, up to the
/// first row with a negative image.
class Ssd : public Adapter {
 public:
  explicit Ssd(std::string output) : output_(std::move(output)) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    const NetworkOutput& output = rows_of(run, output_, 7, "adapter 'ssd'");
    BoxPrediction prediction;
    for (std::size_t i = 0; i + 7 <= output.values.size() && output.values[i] >= 0; i += 7) {
      const float* const r = output.values.data() + i;
      if (static_cast<std::size_t>(std::lround(r[0])) != row) continue;
      prediction.labels.push_back(std::lround(r[1]));
      prediction.scores.push_back(r[2]);
      prediction.boxes.push_back({r[3], r[4], r[5], r[6]});
    }
    return prediction;
  }

 private:
  std::string output_;
};

/// Rows [label, score, x1, y1, x2, y2]; a negative label: no detection.
class SsdMxnet : public Adapter {
 public:
  explicit SsdMxnet(std::string output) : output_(std::move(output)) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    const auto values = run.row(rows_of(run, output_, 6, "adapter 'ssd_mxnet'"), row);
    BoxPrediction prediction;
    for (std::size_t i = 0; i + 6 <= values.size(); i += 6) {
      if (values[i] < 0) continue;
      prediction.labels.push_back(std::lround(values[i]));
      prediction.scores.push_back(values[i + 1]);
      prediction.boxes.push_back({values[i + 2], values[i + 3], values[i + 4], values[i + 5]});
    }
    return prediction;
  }

 private:
  std::string output_;
};

std::unique_ptr<Adapter> make(Fields& fields) {
  return std::make_unique<Ssd>(fields.text("output", ""));
}

std::unique_ptr<Adapter> make_mxnet(Fields& fields) {
  return std::make_unique<SsdMxnet>(fields.text("output", ""));
}

}  // namespace

extern const AdapterRecord ssd_adapter{.name = "ssd", .summary = "rows of a DetectionOutput", .make = make};
extern const AdapterRecord ssd_mxnet_adapter{
    .name = "ssd_mxnet", .summary = "rows label, score, box", .make = make_mxnet};

}  // namespace refcalib::engine
