#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/evaluation/preprocessing/frame.h"

namespace refcalib::engine {

/// Where one output element of an axis comes from: weights of consecutive input elements, whose numbers are
/// clamped to the axis.
struct AxisTap {
  int first = 0;
  std::vector<double> weights;
};

/// How an axis of `from` elements becomes one of `to`.
using AxisTaps = std::vector<AxisTap> (*)(int from, int to);

/// A way to resize.
struct Interpolation {
  std::string_view library;  ///< opencv, pillow, tf
  std::string_view name;     ///< in upper case: LINEAR
  AxisTaps taps = nullptr;
  bool round_between = false;  ///< bytes are rounded after the rows were resized, too (Pillow)
  bool keeps_bytes = true;     ///< bytes stay bytes; false: the result is not rounded (TensorFlow)
};

/// The table of all, by library.
const std::vector<Interpolation>& interpolations();
/// The row of a library and a name in any case, or null.
const Interpolation* find_interpolation(std::string_view library, std::string_view name) noexcept;

/// Resizes a frame of depth 1. OpenCV's LINEAR on bytes is equal to cv::resize in every byte.
Frame resample(const Frame& frame, const Interpolation& how, int width, int height);

}  // namespace refcalib::engine
