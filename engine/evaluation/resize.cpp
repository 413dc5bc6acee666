#include "engine/evaluation/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace refcalib::engine {
namespace {

/// Where one output element of an axis comes from.
struct Tap {
  int first, second;     ///< indices of the two elements
  int weight0, weight1;  ///< in 1/2048
};

std::vector<Tap> make_taps(int from, int to, bool snap_at_ends) {
  const double scale = 1.0 / (static_cast<double>(to) / from);
  std::vector<Tap> taps(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    auto f = static_cast<float>((i + 0.5) * scale - 0.5);
    int s = static_cast<int>(std::floor(f));
    f -= static_cast<float>(s);
    // Along a row OpenCV drops the fraction outside the image; along a column both rows become the same one,
    // which rounds differently.
    if (snap_at_ends && (s < 0 || s >= from - 1)) {
      f = 0;
      s = std::clamp(s, 0, from - 1);
    }
    taps[static_cast<std::size_t>(i)] = {std::clamp(s, 0, from - 1), std::clamp(s + 1, 0, from - 1),
                                         static_cast<int>(std::nearbyint((1.0F - f) * 2048.0F)),
                                         static_cast<int>(std::nearbyint(f * 2048.0F))};
  }
  return taps;
}

/// One source row resized along x, in 1/2048.
void resize_row(const std::uint8_t* row, const std::vector<Tap>& taps, int channels, std::vector<int>& out) {
  std::size_t to = 0;
  for (const Tap& tap : taps)
    for (int c = 0; c < channels; ++c)
      out[to++] = row[tap.first * channels + c] * tap.weight0 + row[tap.second * channels + c] * tap.weight1;
}

}  // namespace

Image resize_bilinear(const Image& image, int width, int height) {
  if (width == image.width && height == image.height) return image;
  Image out{width, height, image.channels, {}};
  out.pixels.resize(out.row_bytes() * static_cast<std::size_t>(height));
  const auto columns = make_taps(image.width, width, true);
  const auto rows = make_taps(image.height, height, false);

  // The two source rows in use; going down, the second one often becomes the first.
  std::vector<int> upper(out.row_bytes()), lower(out.row_bytes());
  int upper_row = -1, lower_row = -1;
  const auto load = [&](int row, std::vector<int>& into) {
    resize_row(image.pixels.data() + static_cast<std::size_t>(row) * image.row_bytes(), columns,
               image.channels, into);
    return row;
  };
  auto to = out.pixels.begin();
  for (const Tap& tap : rows) {
    if (upper_row != tap.first && lower_row == tap.first) {
      std::swap(upper, lower);
      std::swap(upper_row, lower_row);
    }
    if (upper_row != tap.first) upper_row = load(tap.first, upper);
    if (lower_row != tap.second) lower_row = load(tap.second, lower);
    for (std::size_t i = 0; i < upper.size(); ++i, ++to) {
      const int sum = ((tap.weight0 * (upper[i] >> 4)) >> 16) + ((tap.weight1 * (lower[i] >> 4)) >> 16);
      *to = static_cast<std::uint8_t>((sum + 2) >> 2);
    }
  }
  return out;
}

}  // namespace refcalib::engine
