#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/core/shape.h"
#include "engine/evaluation/image.h"

namespace refcalib::engine {

/// Order of the channels as the network gets them. `automatic`: bgr, or gray for a network with one channel.
enum class ColorOrder : std::uint8_t { automatic, rgb, bgr, gray };

/// How a picture gets the size of the network's input.
enum class ResizeRule : std::uint8_t {
  stretch,     ///< exactly to height x width
  short_side,  ///< shorter side to `resize_to`, longer side in proportion, rounded down; needs crop or a fit
  long_side  ///< longer side to `resize_to`, shorter in proportion, rounded down; placed at the top left, the
             ///< rest is filled with 0 as the network sees it (the mean as a pixel)
};

/// What happens to a picture on its way into the network: resize, crop, channel order, then
/// value = (pixel - mean[c]) / scale[c] with c in the order fed.
struct Preprocessing {
  std::vector<float> mean;   ///< empty: 0; one value, or one per channel
  std::vector<float> scale;  ///< empty: 1; one value, or one per channel; not 0
  ColorOrder color = ColorOrder::automatic;
  ResizeRule resize = ResizeRule::stretch;
  int resize_to = 0;  ///< for short_side and long_side
  bool center_crop = false;
};

/// The options as a user writes them; empty: the default.
struct PreprocessingText {
  std::string mean, scale;  ///< "a", or "a,b,c"
  std::string color;        ///< rgb | bgr | gray
  std::string resize;       ///< stretch | short:N | long:N
  std::string crop;         ///< none | center

  bool any() const noexcept {
    return !(mean.empty() && scale.empty() && color.empty() && resize.empty() && crop.empty());
  }
};

/// Throws UsageError that names the option and what it accepts.
Preprocessing parse_preprocessing(const PreprocessingText& text);

/// Preprocessing bound to one network input of shape [N, C, H, W] with C 1 or 3.
class ImagePreprocessor {
 public:
  /// Throws UsageError naming the input if it is no image or the options do not fit its channels and size.
  ImagePreprocessor(const Preprocessing& how, const std::string& input, const Shape& shape);

  /// One picture into [C][H][W]. Throws UsageError if, after short:N, the picture has not the network's size
  /// and no crop was asked for, or is smaller than the crop.
  void run(const Image& image, std::span<float> out) const;

  /// In words, for reports: "stretch to 224x224, BGR, (x - 0) / 1".
  std::string describe() const;

 private:
  Image fit(const Image& image) const;

  Preprocessing how_;
  std::string input_;
  int channels_ = 0, height_ = 0, width_ = 0;
  std::vector<float> mean_, scale_;  ///< one per channel
};

}  // namespace refcalib::engine
