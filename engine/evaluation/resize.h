#pragma once

#include "engine/evaluation/image.h"

namespace refcalib::engine {

/// Bilinear resize with half-pixel centres in the fixed-point arithmetic of OpenCV's cv::resize with
/// INTER_LINEAR on 8-bit images, equal to it in every byte. For an axis of n elements that become m, element
/// i is taken at f = float((i + 0.5) * (1 / (double(m) / n)) - 0.5), s = floor(f), with the weights
/// round_half_even((1 - (f - s)) * 2048) and round_half_even((f - s) * 2048) of the elements s and s + 1,
/// clamped to the axis. A row is summed as h = w0 a + w1 b, rows as ((v0 (h0 >> 4) >> 16) + (v1 (h1 >> 4) >>
/// 16) + 2) >> 2. There is no low-pass filter: reducing picks from at most four pixels. Sizes are at least 1.
/// Source: OpenCV 4, modules/imgproc/src/resize.cpp (HResizeLinear, VResizeLinear).
Image resize_bilinear(const Image& image, int width, int height);

}  // namespace refcalib::engine
