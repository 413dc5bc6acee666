#include "engine/evaluation/preprocess.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "engine/core/error.h"
#include "engine/evaluation/resize.h"

namespace refcalib::engine {
namespace {

constexpr int kLargestSide = 1 << 15;

/// "1,2.5,-3" as numbers; `option` is for messages.
std::vector<float> parse_numbers(const std::string& text, const std::string& option) {
  std::vector<float> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    float value = 0;
    const auto [stop, error] = std::from_chars(at, end, value);
    if (error != std::errc() || !std::isfinite(value) || (stop != end && *stop != ',') || stop + 1 == end)
      throw UsageError(option + " '" + text + "': one number, or one per channel as a,b,c, expected");
    numbers.push_back(value);
    at = stop == end ? end : stop + 1;
  }
  if (numbers.size() != 0 && numbers.size() != 1 && numbers.size() != 3)
    throw UsageError(option + " '" + text + "' has " + std::to_string(numbers.size()) +
                     " numbers; one or three expected");
  return numbers;
}

template <class T, std::size_t N>
T choose(const std::array<std::pair<std::string_view, T>, N>& table, const std::string& text,
         const std::string& option) {
  std::string names;
  for (const auto& [name, value] : table) {
    if (name == text) return value;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  throw UsageError(option + " '" + text + "' is unknown; it may be " + names);
}

void parse_resize(const std::string& text, Preprocessing& into) {
  const std::size_t colon = text.find(':');
  static constexpr std::array<std::pair<std::string_view, ResizeRule>, 3> rules{
      {{"stretch", ResizeRule::stretch}, {"short", ResizeRule::short_side}, {"long", ResizeRule::long_side}}};
  const std::string rule = text.substr(0, colon);
  const auto known =
      std::find_if(rules.begin(), rules.end(), [&](const auto& row) { return row.first == rule; });
  const bool wants_size = known != rules.end() && known->second != ResizeRule::stretch;
  int size = 0;
  if (colon != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, size);
    if (error != std::errc() || stop != end || size < 1 || size > kLargestSide) size = -1;
  }
  if (known == rules.end() || size < 0 || wants_size != (size > 0))
    throw UsageError("--resize '" + text +
                     "' is unknown; it may be stretch, short:N or long:N with N from 1 to " +
                     std::to_string(kLargestSide));
  into.resize = known->second;
  into.resize_to = size;
}

/// One value per channel from none, one or all.
std::vector<float> per_channel(const std::vector<float>& given, int channels, float otherwise,
                               const std::string& input, const char* option) {
  const auto count = static_cast<std::size_t>(channels);
  if (given.empty()) return std::vector<float>(count, otherwise);
  if (given.size() == 1) return std::vector<float>(count, given.front());
  if (given.size() != count)
    throw UsageError(std::string(option) + " has " + std::to_string(given.size()) + " numbers, input '" +
                     input + "' has " + std::to_string(channels) + " channel" + (channels == 1 ? "" : "s"));
  return given;
}

/// size * to / from, rounded down, at least 1: the other side of an aspect-keeping resize.
int in_proportion(int size, int to, int from) {
  return static_cast<int>(std::max<std::int64_t>(1, std::int64_t{size} * to / from));
}

std::string size_text(int width, int height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

std::string numbers_text(const std::vector<float>& values) {
  const bool equal = std::all_of(values.begin(), values.end(), [&](float x) { return x == values.front(); });
  std::string text;
  for (const float value : std::span(values).first(equal ? 1 : values.size())) {
    std::array<char, 32> digits{};
    std::snprintf(digits.data(), digits.size(), "%.6g", static_cast<double>(value));
    text += (text.empty() ? "" : ",") + std::string(digits.data());
  }
  return text;
}

Image crop(const Image& image, int left, int top, int width, int height) {
  Image out{width, height, image.channels, {}};
  out.pixels.reserve(out.row_bytes() * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    const auto row = image.pixels.begin() +
                     static_cast<std::ptrdiff_t>(static_cast<std::size_t>(y + top) * image.row_bytes()) +
                     std::ptrdiff_t{left} * image.channels;
    out.pixels.insert(out.pixels.end(), row, row + static_cast<std::ptrdiff_t>(out.row_bytes()));
  }
  return out;
}

}  // namespace

Preprocessing parse_preprocessing(const PreprocessingText& text) {
  Preprocessing how;
  how.mean = parse_numbers(text.mean, "--mean");
  how.scale = parse_numbers(text.scale, "--scale");
  if (std::find(how.scale.begin(), how.scale.end(), 0.0F) != how.scale.end())
    throw UsageError("--scale '" + text.scale + "' contains 0; pixels are divided by it");
  if (!text.color.empty())
    how.color = choose<ColorOrder, 3>(
        {{{"rgb", ColorOrder::rgb}, {"bgr", ColorOrder::bgr}, {"gray", ColorOrder::gray}}}, text.color,
        "--color");
  if (!text.resize.empty()) parse_resize(text.resize, how);
  if (!text.crop.empty())
    how.center_crop = choose<bool, 2>({{{"none", false}, {"center", true}}}, text.crop, "--crop");
  return how;
}

ImagePreprocessor::ImagePreprocessor(const Preprocessing& how, const std::string& input, const Shape& shape)
    : how_(how), input_(input) {
  if (shape.size() != 4 || (shape[1] != 1 && shape[1] != 3))
    throw UsageError("input '" + input + "' of shape " + to_string(shape) +
                     " takes no images; give it numbers as NAME=FILE.npy");
  channels_ = static_cast<int>(shape[1]);
  if (shape[2] < 1 || shape[3] < 1 || shape[2] > kLargestSide || shape[3] > kLargestSide)
    throw UsageError("input '" + input + "' of shape " + to_string(shape) + " has no usable image size");
  height_ = static_cast<int>(shape[2]);
  width_ = static_cast<int>(shape[3]);
  if (how_.color == ColorOrder::automatic) how_.color = channels_ == 1 ? ColorOrder::gray : ColorOrder::bgr;
  if ((how_.color == ColorOrder::gray) != (channels_ == 1))
    throw UsageError("input '" + input + "' has " + std::to_string(channels_) + " channel" +
                     (channels_ == 1 ? "; --color must be gray" : "s; --color must be rgb or bgr"));
  mean_ = per_channel(how_.mean, channels_, 0.0F, input, "--mean");
  scale_ = per_channel(how_.scale, channels_, 1.0F, input, "--scale");
  if (how_.resize == ResizeRule::long_side && !how_.center_crop && how_.resize_to > std::min(width_, height_))
    throw UsageError("--resize long:" + std::to_string(how_.resize_to) + " is larger than input '" + input +
                     "' of " + size_text(width_, height_));
}

Image ImagePreprocessor::fit(const Image& image) const {
  int width = width_, height = height_;
  if (how_.resize != ResizeRule::stretch) {
    const bool width_given = (image.width <= image.height) == (how_.resize == ResizeRule::short_side);
    width = width_given ? how_.resize_to : in_proportion(image.width, how_.resize_to, image.height);
    height = width_given ? in_proportion(image.height, how_.resize_to, image.width) : how_.resize_to;
    if (width > kLargestSide || height > kLargestSide)
      throw UnsupportedError("the image is too long and narrow for --resize");
  }
  Image resized = resize_bilinear(image, width, height);
  if (how_.center_crop) {
    const int to_width = std::min(width, width_), to_height = std::min(height, height_);
    resized = crop(resized, (width - to_width) / 2, (height - to_height) / 2, to_width, to_height);
  }
  const bool fits = resized.width == width_ && resized.height == height_;
  if (how_.resize == ResizeRule::short_side && !fits)
    throw UsageError("after --resize short:" + std::to_string(how_.resize_to) + " the image has " +
                     size_text(width, height) + ", input '" + input_ + "' takes " +
                     size_text(width_, height_) +
                     (how_.center_crop ? "; a larger N is needed" : "; add --crop center"));
  return resized;
}

void ImagePreprocessor::run(const Image& image, std::span<float> out) const {
  const Image fitted = fit(how_.color == ColorOrder::gray ? to_gray(image) : image);
  const auto plane = static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
  if (fitted.width != width_ || fitted.height != height_) std::fill(out.begin(), out.end(), 0.0F);
  const auto channels = static_cast<std::size_t>(fitted.channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const std::size_t source = how_.color == ColorOrder::bgr ? channels - 1 - c : c;
    for (int y = 0; y < fitted.height; ++y) {
      const std::uint8_t* pixel =
          fitted.pixels.data() + static_cast<std::size_t>(y) * fitted.row_bytes() + source;
      float* to = out.data() + c * plane + static_cast<std::size_t>(y) * static_cast<std::size_t>(width_);
      for (int x = 0; x < fitted.width; ++x, pixel += channels)
        to[x] = (static_cast<float>(*pixel) - mean_[c]) / scale_[c];
    }
  }
}

std::string ImagePreprocessor::describe() const {
  const std::string size = size_text(width_, height_), n = std::to_string(how_.resize_to);
  std::string text;
  switch (how_.resize) {
    case ResizeRule::stretch:
      text = "stretch to " + size;
      break;
    case ResizeRule::short_side:
      text = "short side to " + n;
      break;
    case ResizeRule::long_side:
      text = "long side to " + n + ", padded with the mean to " + size;
      break;
  }
  if (how_.center_crop) text += ", centre crop " + size;
  text += how_.color == ColorOrder::rgb ? ", RGB" : how_.color == ColorOrder::bgr ? ", BGR" : ", gray";
  return text + ", (x - " + numbers_text(mean_) + ") / " + numbers_text(scale_);
}

}  // namespace refcalib::engine
