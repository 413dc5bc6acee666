#include <algorithm>

#include "engine/evaluation/adapters/adapter.h"

namespace refcalib::engine {
namespace {

/// Sizes of one sample of an output: [N, C, H, W], [N, H, W], [N, C, D, H, W].
Plane<float> plane_of(const NetworkRun& run, const NetworkOutput& output, std::size_t row, bool channels_last,
                      std::string_view who) {
  const auto values = run.row(output, row);
  Shape shape = output.shape;
  if (shape.size() < 3 || shape.size() > 5)
    throw UsageError(std::string(who) + ": output '" + output.name + "' of shape " + to_string(output.shape) +
                     " is no mask; [N,C,H,W] is expected");
  if (shape.size() == 3) shape.insert(shape.begin() + 1, 1);
  if (channels_last && output.shape.size() > 3) {
    shape.insert(shape.begin() + 1, shape.back());
    shape.pop_back();
  }
  Plane<float> plane;
  plane.channels = static_cast<int>(shape[1]);
  plane.depth = shape.size() == 5 ? static_cast<int>(shape[2]) : 1;
  plane.height = static_cast<int>(shape[shape.size() - 2]);
  plane.width = static_cast<int>(shape.back());
  plane.values.assign(values.begin(), values.end());
  if (channels_last && output.shape.size() > 3) {
    const std::size_t area = plane.area(), count = static_cast<std::size_t>(plane.channels);
    for (std::size_t c = 0; c < count; ++c)
      for (std::size_t i = 0; i < area; ++i) plane.values[c * area + i] = values[i * count + c];
  }
  return plane;
}

/// A score for each label and place.
class Segmentation : public Adapter {
 public:
  Segmentation(std::string output, bool argmax, bool channels_last)
      : output_(std::move(output)), argmax_(argmax), channels_last_(channels_last) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    constexpr std::string_view who = "adapter 'segmentation'";
    MaskPrediction prediction{plane_of(run, run.output(output_, who), row, channels_last_, who)};
    if (!argmax_ || prediction.scores.channels == 1) {
      prediction.is_labels = prediction.scores.channels == 1;
      return prediction;
    }
    const std::size_t area = prediction.scores.area();
    std::vector<float> labels(area, 0.0F);
    for (std::size_t i = 0; i < area; ++i) {
      float best = prediction.scores.values[i];
      for (int c = 1; c < prediction.scores.channels; ++c)
        if (const float score = prediction.scores.values[static_cast<std::size_t>(c) * area + i];
            score > best) {
          best = score;
          labels[i] = static_cast<float>(c);
        }
    }
    prediction.scores.values = std::move(labels);
    prediction.scores.channels = 1;
    prediction.is_labels = true;
    return prediction;
  }

 private:
  std::string output_;
  bool argmax_, channels_last_;
};

std::unique_ptr<Adapter> make(Fields& fields) {
  const bool argmax = fields.flag("make_argmax", false);
  const bool last = fields.choice("output_layout", "NCHW", {"NCHW", "NHWC"}) == "NHWC";
  return std::make_unique<Segmentation>(fields.text("segmentation_output", ""), argmax, last);
}

/// Slices of a volume, put together again by the evaluation; one channel is a mask of shares.
class BrainTumor : public Adapter {
 public:
  BrainTumor(std::string output, bool argmax) : output_(std::move(output)), argmax_(argmax) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    constexpr std::string_view who = "adapter 'brain_tumor_segmentation'";
    MaskPrediction prediction{plane_of(run, run.output(output_, who), row, false, who)};
    if (!argmax_) return prediction;
    prediction.is_labels = prediction.scores.channels == 1;
    return prediction;
  }

 private:
  std::string output_;
  bool argmax_;
};

std::unique_ptr<Adapter> make_brain(Fields& fields) {
  const bool argmax = fields.flag("make_argmax", false);
  return std::make_unique<BrainTumor>(fields.text("segmentation_output", ""), argmax);
}

/// A picture: value * std + mean, in RGB; `reverse_channels` if the network gives BGR.
class ImageProcessing : public Adapter {
 public:
  ImageProcessing(std::string output, bool reverse, std::vector<double> mean, std::vector<double> std)
      : output_(std::move(output)), reverse_(reverse), mean_(std::move(mean)), std_(std::move(std)) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    constexpr std::string_view who = "adapter 'image_processing'";
    const Plane<float> plane = plane_of(run, run.output(output_, who), row, false, who);
    PicturePrediction prediction{plane};
    const std::size_t area = plane.area();
    const auto channels = static_cast<std::size_t>(plane.channels);
    for (std::size_t c = 0; c < channels; ++c) {
      const double mean = mean_[std::min(c, mean_.size() - 1)], std = std_[std::min(c, std_.size() - 1)];
      const std::size_t to = reverse_ ? channels - 1 - c : c;
      for (std::size_t i = 0; i < area; ++i) {
        const double value = static_cast<double>(plane.values[c * area + i]) * std + mean;
        prediction.picture.values[to * area + i] = static_cast<float>(std::clamp(value, 0.0, 255.0));
      }
    }
    return prediction;
  }

 private:
  std::string output_;
  bool reverse_;
  std::vector<double> mean_, std_;
};

std::unique_ptr<Adapter> make_picture(Fields& fields) {
  const bool reverse = fields.flag("reverse_channels", false);
  std::vector<double> mean = fields.numbers("mean"), std = fields.numbers("std");
  if (mean.empty()) mean = {0};
  if (std.empty()) std = {255};
  return std::make_unique<ImageProcessing>(fields.text("target_out", ""), reverse, std::move(mean),
                                           std::move(std));
}

}  // namespace

extern const AdapterRecord segmentation_adapter{
    .name = "segmentation", .summary = "a score for each label and place", .make = make};
extern const AdapterRecord brain_tumor_segmentation_adapter{
    .name = "brain_tumor_segmentation", .summary = "slices of a volume", .make = make_brain};
extern const AdapterRecord image_processing_adapter{.name = "image_processing",
                                                    .summary = "a picture",
                                                    .make = make_picture,
                                                    .aliases = {"super_resolution"}};

}  // namespace refcalib::engine
