#pragma once

#include <cstddef>
#include <vector>

#include "engine/evaluation/image.h"
#include "engine/evaluation/sample.h"

namespace refcalib::engine {

/// A sample on its way into the network: a picture or volume, channels last, or plain numbers.
struct Frame {
  int depth = 1, height = 0, width = 0, channels = 0;
  std::vector<float> values;  ///< [depth][height][width][channels]
  bool bytes = false;   ///< the values are whole, 0 to 255, and resizing rounds them as 8-bit arithmetic does
  bool picture = true;  ///< false: numbers that are fed as they are
  SampleGeometry geometry;

  std::size_t area() const noexcept {
    return static_cast<std::size_t>(depth) * static_cast<std::size_t>(height) *
           static_cast<std::size_t>(width);
  }
};

/// A frame of a picture; `bgr`: in the order of OpenCV, else as it is (RGB).
Frame frame_of(const Image& image, bool bgr);

/// Back to a picture, for what works on bytes. The frame must hold bytes.
Image image_of(const Frame& frame);

/// One picture of a volume.
Frame slice_of(const Frame& volume, int z);

}  // namespace refcalib::engine
