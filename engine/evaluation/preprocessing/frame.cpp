#include "engine/evaluation/preprocessing/frame.h"

namespace refcalib::engine {

Frame frame_of(const Image& image, bool bgr) {
  Frame frame;
  frame.height = image.height;
  frame.width = image.width;
  frame.channels = image.channels;
  frame.bytes = true;
  frame.values.resize(image.pixels.size());
  const auto channels = static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < image.pixels.size(); i += channels)
    for (std::size_t c = 0; c < channels; ++c)
      frame.values[i + (bgr ? channels - 1 - c : c)] = static_cast<float>(image.pixels[i + c]);
  SampleGeometry& g = frame.geometry;
  g.width = g.content_width = g.input_width = image.width;
  g.height = g.content_height = g.input_height = image.height;
  return frame;
}

Image image_of(const Frame& frame) {
  Image image{frame.width, frame.height, frame.channels, std::vector<std::uint8_t>(frame.values.size())};
  for (std::size_t i = 0; i < frame.values.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(frame.values[i]);
  return image;
}

Frame slice_of(const Frame& volume, int z) {
  Frame slice{1,  volume.height, volume.width,   volume.channels,
              {}, volume.bytes,  volume.picture, volume.geometry};
  const std::size_t size = volume.values.size() / static_cast<std::size_t>(volume.depth);
  const auto begin = volume.values.begin() + static_cast<std::ptrdiff_t>(size * static_cast<std::size_t>(z));
  slice.values.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
  return slice;
}

}  // namespace refcalib::engine
