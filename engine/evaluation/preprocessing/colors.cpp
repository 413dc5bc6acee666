#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "engine/evaluation/preprocessing/preprocessor.h"

namespace refcalib::engine {
namespace {

void need_colors(const Frame& frame, std::string_view step) {
  if (frame.channels != 3)
    throw UsageError("preprocessing '" + std::string(step) + "' needs three channels; the data has " +
                     std::to_string(frame.channels));
}

/// Exchanges the first and the last channel.
class ReverseChannels : public Preprocessor {
  void run(Frame& frame) const override {
    need_colors(frame, "bgr_to_rgb");
    for (std::size_t i = 0; i < frame.values.size(); i += 3) std::swap(frame.values[i], frame.values[i + 2]);
  }
};

/// ITU-R BT.601 luminance; bytes in the fixed-point arithmetic of cv::cvtColor.
class ToGray : public Preprocessor {
 public:
  explicit ToGray(bool bgr) : bgr_(bgr) {}

 private:
  void run(Frame& frame) const override {
    need_colors(frame, bgr_ ? "bgr_to_gray" : "rgb_to_gray");
    std::vector<float> gray(frame.values.size() / 3);
    for (std::size_t i = 0; i < gray.size(); ++i) {
      const float r = frame.values[3 * i + (bgr_ ? 2 : 0)], g = frame.values[3 * i + 1],
                  b = frame.values[3 * i + (bgr_ ? 0 : 2)];
      if (frame.bytes) {
        const auto sum = 9798U * static_cast<std::uint32_t>(r) + 19235U * static_cast<std::uint32_t>(g) +
                         3735U * static_cast<std::uint32_t>(b) + 16384U;
        gray[i] = static_cast<float>(sum >> 15U);
      } else {
        gray[i] = 0.299F * r + 0.587F * g + 0.114F * b;
      }
    }
    frame.values = std::move(gray);
    frame.channels = 1;
  }

  bool bgr_;
};

/// (x - mean) / std, per channel in the order that the channels have now.
class Normalization : public Preprocessor {
 public:
  Normalization(std::vector<float> mean, std::vector<float> std)
      : mean_(std::move(mean)), std_(std::move(std)) {}

 private:
  void run(Frame& frame) const override {
    const auto channels = static_cast<std::size_t>(frame.channels);
    for (const auto* const list : {&mean_, &std_})
      if (list->size() > 1 && list->size() != channels)
        throw UsageError("preprocessing 'normalization' has " + std::to_string(list->size()) +
                         " numbers; the data has " + std::to_string(channels) + " channels");
    const auto at = [](const std::vector<float>& list, std::size_t c, float otherwise) {
      return list.empty() ? otherwise : list.size() == 1 ? list.front() : list[c];
    };
    for (std::size_t i = 0; i < frame.values.size(); ++i)
      frame.values[i] = (frame.values[i] - at(mean_, i % channels, 0)) / at(std_, i % channels, 1);
    frame.bytes = false;
  }

  std::vector<float> mean_, std_;
};

/// Of each channel of a volume: minus its mean, over its standard deviation.
class Normalize3d : public Preprocessor {
  void run(Frame& frame) const override {
    const auto channels = static_cast<std::size_t>(frame.channels);
    const auto count = static_cast<double>(frame.area());
    for (std::size_t c = 0; c < channels; ++c) {
      double sum = 0, squares = 0;
      for (std::size_t i = c; i < frame.values.size(); i += channels)
        sum += static_cast<double>(frame.values[i]);
      const double mean = sum / count;
      for (std::size_t i = c; i < frame.values.size(); i += channels) {
        const double d = static_cast<double>(frame.values[i]) - mean;
        squares += d * d;
      }
      const double spread = std::sqrt(squares / count);
      for (std::size_t i = c; i < frame.values.size(); i += channels)
        frame.values[i] =
            static_cast<float>((static_cast<double>(frame.values[i]) - mean) / (spread > 0 ? spread : 1));
    }
    frame.bytes = false;
  }
};

/// The numbers that a name stands for, in the order of OpenCV (BGR) for imagenet. The Accuracy Checker has one
/// table for both fields.
std::vector<double> precomputed(std::string_view name) {
  if (name == "imagenet") return {104.00698793, 116.66876762, 122.67891434};
  if (name == "cifar10") return {125.307, 122.961, 113.8575};
  return {};
}

std::vector<float> read_statistics(Fields& fields, std::string_view key) {
  const std::vector<std::string> parts = fields.texts(key);
  std::vector<double> numbers;
  if (parts.size() == 1 && !parse_number(parts.front())) {
    std::string name = parts.front();
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    numbers = precomputed(name);
    if (numbers.empty())
      fields.fail(key, "'" + std::string(key) + "' is '" + parts.front() + "'",
                  "it may be a number, one for each channel, 'imagenet' or 'cifar10'");
  } else {
    numbers = fields.numbers(key);
  }
  if (numbers.size() == 2 || numbers.size() > 4)
    fields.fail(key, "'" + std::string(key) + "' has " + std::to_string(numbers.size()) + " numbers",
                "one is expected, or one for each channel");
  return {numbers.begin(), numbers.end()};
}

class Flip : public Preprocessor {
 public:
  explicit Flip(bool upside_down) : upside_down_(upside_down) {}

 private:
  void run(Frame& frame) const override {
    const auto pixel = static_cast<std::ptrdiff_t>(frame.channels), row = pixel * frame.width;
    for (int y = 0; y < frame.depth * frame.height && !upside_down_; ++y)
      for (int x = 0; x < frame.width / 2; ++x)
        std::swap_ranges(frame.values.begin() + y * row + x * pixel,
                         frame.values.begin() + y * row + (x + 1) * pixel,
                         frame.values.begin() + y * row + (frame.width - 1 - x) * pixel);
    for (int y = 0; y < frame.height / 2 && upside_down_; ++y)
      std::swap_ranges(frame.values.begin() + y * row, frame.values.begin() + (y + 1) * row,
                       frame.values.begin() + (frame.height - 1 - y) * row);
  }

  bool upside_down_;
};

std::unique_ptr<Preprocessor> make_reverse(Fields&, const PreprocessContext&) {
  return std::make_unique<ReverseChannels>();
}
std::unique_ptr<Preprocessor> make_bgr_gray(Fields&, const PreprocessContext&) {
  return std::make_unique<ToGray>(true);
}
std::unique_ptr<Preprocessor> make_rgb_gray(Fields&, const PreprocessContext&) {
  return std::make_unique<ToGray>(false);
}
std::unique_ptr<Preprocessor> make_normalize3d(Fields&, const PreprocessContext&) {
  return std::make_unique<Normalize3d>();
}

std::unique_ptr<Preprocessor> make_normalization(Fields& fields, const PreprocessContext&) {
  std::vector<float> mean = read_statistics(fields, "mean"), std = read_statistics(fields, "std");
  if (mean.empty() && std.empty()) fields.fail("mean", "'mean' or 'std' must be given");
  if (std::find(std.begin(), std.end(), 0.0F) != std.end())
    fields.fail("std", "'std' contains 0; values are divided by it");
  return std::make_unique<Normalization>(std::move(mean), std::move(std));
}

/// The Accuracy Checker hands `horizontal` to cv::flip as 0, which turns the picture upside down, and
/// `vertical` as 1, which mirrors it; configurations rely on it.
std::unique_ptr<Preprocessor> make_flip(Fields& fields, const PreprocessContext&) {
  return std::make_unique<Flip>(fields.choice("mode", "horizontal", {"horizontal", "vertical"}) ==
                                "horizontal");
}

}  // namespace

extern const PreprocessorRecord bgr_to_rgb_preprocessor{
    .name = "bgr_to_rgb",
    .summary = "the order of the channels is turned round",
    .make = make_reverse,
    .aliases = {"rgb_to_bgr"}};
extern const PreprocessorRecord bgr_to_gray_preprocessor{
    .name = "bgr_to_gray", .summary = "luminance of BGR", .make = make_bgr_gray};
extern const PreprocessorRecord rgb_to_gray_preprocessor{
    .name = "rgb_to_gray", .summary = "luminance of RGB", .make = make_rgb_gray};
extern const PreprocessorRecord normalization_preprocessor{
    .name = "normalization", .summary = "(x - mean) / std", .make = make_normalization};
extern const PreprocessorRecord normalize3d_preprocessor{
    .name = "normalize3d",
    .summary = "each channel of a volume by its mean and deviation",
    .make = make_normalize3d};
extern const PreprocessorRecord flip_preprocessor{
    .name = "flip", .summary = "the picture is mirrored", .make = make_flip};

}  // namespace refcalib::engine
