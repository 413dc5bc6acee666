#include "engine/evaluation/preprocessing/resampling.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numbers>

#include "engine/evaluation/resize.h"

namespace refcalib::engine {
namespace {

double cubic(double x, double a) {
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

double sinc(double x) {
  return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
}

void normalize(std::vector<double>& weights) {
  double sum = 0;
  for (const double w : weights) sum += w;
  for (double& w : weights) w /= sum;
}

// --- OpenCV: half-pixel centres, no low-pass filter (modules/imgproc/src/resize.cpp) -----------------------

/// `size` taps around (i + 0.5) * scale - 0.5 with a kernel of the distance.
template <int kSize, class Kernel>
std::vector<AxisTap> centred(int from, int to, const Kernel& kernel) {
  const double scale = static_cast<double>(from) / to;
  std::vector<AxisTap> taps;
  for (int i = 0; i < to; ++i) {
    const double at = (i + 0.5) * scale - 0.5;
    const int middle = static_cast<int>(std::floor(at));
    AxisTap tap{middle - kSize / 2 + 1, {}};
    for (int k = 0; k < kSize; ++k) tap.weights.push_back(kernel(at - (tap.first + k)));
    normalize(tap.weights);
    taps.push_back(std::move(tap));
  }
  return taps;
}

std::vector<AxisTap> opencv_linear(int from, int to) {
  return centred<2>(from, to, [](double x) { return std::max(0.0, 1 - std::fabs(x)); });
}
std::vector<AxisTap> opencv_cubic(int from, int to) {
  return centred<4>(from, to, [](double x) { return cubic(x, -0.75); });
}
std::vector<AxisTap> opencv_lanczos(int from, int to) {
  return centred<8>(from, to, [](double x) { return std::fabs(x) < 4 ? sinc(x) * sinc(x / 4) : 0.0; });
}
std::vector<AxisTap> opencv_nearest(int from, int to) {
  std::vector<AxisTap> taps;
  for (int i = 0; i < to; ++i)
    taps.push_back(
        {std::min(from - 1, static_cast<int>(std::floor(i * (static_cast<double>(from) / to)))), {1}});
  return taps;
}

/// Each output is the mean of what it covers; enlarging, neighbours are blended where the borders of the
/// enlarged pixels fall.
std::vector<AxisTap> area(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  std::vector<AxisTap> taps;
  for (int i = 0; i < to; ++i) {
    AxisTap tap;
    if (from >= to) {
      const double begin = i * scale, end = std::min(begin + scale, static_cast<double>(from));
      tap.first = static_cast<int>(begin);
      for (int k = tap.first; k < end; ++k)
        tap.weights.push_back(
            std::max(0.0, std::min(end, k + 1.0) - std::max(begin, static_cast<double>(k))));
      normalize(tap.weights);
    } else {
      tap.first = static_cast<int>(std::floor(i * scale));
      double share = (i + 1) - (tap.first + 1) / scale;
      share = share <= 0 ? 0 : share - std::floor(share);
      tap.weights = {1 - share, share};
    }
    taps.push_back(std::move(tap));
  }
  return taps;
}

// --- Pillow: the kernel is widened where the picture shrinks (src/libImaging/Resample.c) --------------------

template <class Kernel>
std::vector<AxisTap> widened(int from, int to, double support, const Kernel& kernel) {
  const double scale = static_cast<double>(from) / to, wide = std::max(1.0, scale);
  std::vector<AxisTap> taps;
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support * wide + 0.5));
    const int end = std::min(from, static_cast<int>(centre + support * wide + 0.5));
    AxisTap tap{first, {}};
    for (int k = first; k < end; ++k) tap.weights.push_back(kernel((k - centre + 0.5) / wide));
    normalize(tap.weights);
    taps.push_back(std::move(tap));
  }
  return taps;
}

std::vector<AxisTap> pillow_box(int from, int to) {
  return widened(from, to, 0.5, [](double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; });
}
std::vector<AxisTap> pillow_linear(int from, int to) {
  return widened(from, to, 1, [](double x) { return std::max(0.0, 1 - std::fabs(x)); });
}
std::vector<AxisTap> pillow_hamming(int from, int to) {
  return widened(from, to, 1, [](double x) {
    return std::fabs(x) >= 1 ? 0.0 : sinc(x) * (0.54 + 0.46 * std::cos(std::numbers::pi * x));
  });
}
std::vector<AxisTap> pillow_cubic(int from, int to) {
  return widened(from, to, 2, [](double x) { return cubic(x, -0.5); });
}
std::vector<AxisTap> pillow_lanczos(int from, int to) {
  return widened(from, to, 3, [](double x) { return std::fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0.0; });
}
std::vector<AxisTap> pillow_nearest(int from, int to) {
  std::vector<AxisTap> taps;
  for (int i = 0; i < to; ++i)
    taps.push_back({std::min(from - 1, static_cast<int>((i + 0.5) * from / to)), {1}});
  return taps;
}

// --- TensorFlow 1: element i is taken at i * scale ----------------------------------------------------------

std::vector<AxisTap> tf_linear(int from, int to) {
  std::vector<AxisTap> taps;
  for (int i = 0; i < to; ++i) {
    const double at = i * (static_cast<double>(from) / to);
    const int first = static_cast<int>(at);
    taps.push_back({first, {1 - (at - first), at - first}});
  }
  return taps;
}
std::vector<AxisTap> tf_cubic(int from, int to) {
  std::vector<AxisTap> taps;
  for (int i = 0; i < to; ++i) {
    const double at = i * (static_cast<double>(from) / to);
    const int middle = static_cast<int>(at);
    AxisTap tap{middle - 1, {}};
    for (int k = -1; k <= 2; ++k) tap.weights.push_back(cubic(at - middle - k, -0.75));
    taps.push_back(std::move(tap));
  }
  return taps;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

void round_bytes(std::vector<float>& values) {
  for (float& x : values) x = std::clamp(std::nearbyint(x), 0.0F, 255.0F);
}

/// `rows` lines of `from` elements of `channels` numbers; along x.
std::vector<float> along_rows(const std::vector<float>& in, int rows, int from, int channels,
                              const std::vector<AxisTap>& taps) {
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(rows) * taps.size() * static_cast<std::size_t>(channels));
  for (int y = 0; y < rows; ++y) {
    const float* const row = in.data() + static_cast<std::ptrdiff_t>(y) * from * channels;
    for (const AxisTap& tap : taps)
      for (int c = 0; c < channels; ++c) {
        double sum = 0;
        int k = tap.first;
        for (const double weight : tap.weights)
          sum += weight * static_cast<double>(row[std::clamp(k++, 0, from - 1) * channels + c]);
        out.push_back(static_cast<float>(sum));
      }
  }
  return out;
}

/// Lines of `size` numbers; across them, along y.
std::vector<float> along_columns(const std::vector<float>& in, int from, std::size_t size,
                                 const std::vector<AxisTap>& taps) {
  std::vector<float> out(taps.size() * size);
  std::vector<double> sum(size);
  for (std::size_t y = 0; y < taps.size(); ++y) {
    std::fill(sum.begin(), sum.end(), 0.0);
    int k = taps[y].first;
    for (const double weight : taps[y].weights) {
      const float* const row = in.data() + static_cast<std::size_t>(std::clamp(k++, 0, from - 1)) * size;
      for (std::size_t i = 0; i < size; ++i) sum[i] += weight * static_cast<double>(row[i]);
    }
    for (std::size_t i = 0; i < size; ++i) out[y * size + i] = static_cast<float>(sum[i]);
  }
  return out;
}

}  // namespace

const std::vector<Interpolation>& interpolations() {
  static const std::vector<Interpolation> table = {
      {"opencv", "LINEAR", opencv_linear},
      {"opencv", "NEAREST", opencv_nearest},
      {"opencv", "AREA", area},
      {"opencv", "CUBIC", opencv_cubic},
      {"opencv", "LANCZOS4", opencv_lanczos},
      {"pillow", "BILINEAR", pillow_linear, true},
      {"pillow", "LINEAR", pillow_linear, true},
      {"pillow", "NEAREST", pillow_nearest, true},
      {"pillow", "NONE", pillow_nearest, true},
      {"pillow", "BOX", pillow_box, true},
      {"pillow", "HAMMING", pillow_hamming, true},
      {"pillow", "BICUBIC", pillow_cubic, true},
      {"pillow", "CUBIC", pillow_cubic, true},
      {"pillow", "LANCZOS", pillow_lanczos, true},
      {"pillow", "ANTIALIAS", pillow_lanczos, true},
      {"tf", "BILINEAR", tf_linear, false, false},
      {"tf", "LINEAR", tf_linear, false, false},
      {"tf", "NEAREST", opencv_nearest, false, false},
      {"tf", "AREA", area, false, false},
      {"tf", "BICUBIC", tf_cubic, false, false},
  };
  return table;
}

const Interpolation* find_interpolation(std::string_view library, std::string_view name) noexcept {
  for (const Interpolation& row : interpolations())
    if (row.library == library && row.name == upper(name)) return &row;
  return nullptr;
}

Frame resample(const Frame& frame, const Interpolation& how, int width, int height) {
  if (frame.bytes && how.taps == opencv_linear) {
    Frame exact = frame_of(resize_bilinear(image_of(frame), width, height), false);
    exact.geometry = frame.geometry;
    return exact;
  }
  if (width == frame.width && height == frame.height) return frame;
  Frame out = frame;
  out.width = width;
  out.height = height;
  out.bytes = frame.bytes && how.keeps_bytes;
  out.values =
      along_rows(frame.values, frame.height, frame.width, frame.channels, how.taps(frame.width, width));
  if (out.bytes && how.round_between) round_bytes(out.values);
  out.values = along_columns(out.values, frame.height,
                             static_cast<std::size_t>(width) * static_cast<std::size_t>(frame.channels),
                             how.taps(frame.height, height));
  if (out.bytes) round_bytes(out.values);
  return out;
}

}  // namespace refcalib::engine
