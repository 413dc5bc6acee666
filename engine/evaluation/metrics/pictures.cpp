#include <array>
#include <cmath>
#include <limits>

#include "engine/evaluation/metrics/metric.h"

namespace refcalib::engine {
namespace {

struct Pair {
  const Plane<float>& real;
  const Plane<float>& seen;
};

Pair pictures(const Truth& truth, const Prediction& prediction, const char* who) {
  const Pair pair{truth_as<PictureTruth>(truth, who).picture,
                  prediction_as<PicturePrediction>(prediction, who).picture};
  if (pair.real.width != pair.seen.width || pair.real.height != pair.seen.height ||
      pair.real.channels != pair.seen.channels)
    throw UsageError(std::string(who) + ": the reference picture has " + std::to_string(pair.real.width) +
                     "x" + std::to_string(pair.real.height) + "x" + std::to_string(pair.real.channels) +
                     ", the prediction " + std::to_string(pair.seen.width) + "x" +
                     std::to_string(pair.seen.height) + "x" + std::to_string(pair.seen.channels));
  return pair;
}

/// Peak signal-to-noise ratio in dB. Of three channels the luminance of ITU-R BT.601 is compared, with the
/// weights 65.738, 129.057, 25.064 over 256; the outermost `border` pixels are left out.
class Psnr : public MeanMetric {
 public:
  explicit Psnr(int border) : border_(border) {}

 private:
  double observe(const Truth& truth, const Prediction& prediction) const override {
    const auto [real, seen] = pictures(truth, prediction, "metric 'psnr'");
    static constexpr std::array<double, 3> luminance{65.738 / 256, 129.057 / 256, 25.064 / 256};
    const int width = real.width - 2 * border_, height = real.height - 2 * border_;
    if (width < 1 || height < 1)
      throw UsageError("metric 'psnr': the picture is not larger than twice scale_border");
    double sum = 0;
    for (int y = border_; y < border_ + height; ++y)
      for (int x = border_; x < border_ + width; ++x) {
        const std::size_t at =
            static_cast<std::size_t>(y) * static_cast<std::size_t>(real.width) + static_cast<std::size_t>(x);
        double difference = 0;
        for (std::size_t c = 0; c < static_cast<std::size_t>(real.channels); ++c) {
          const auto d = (static_cast<double>(seen.values[c * real.area() + at]) -
                          static_cast<double>(real.values[c * real.area() + at])) /
                         255;
          difference += real.channels == 3 ? d * luminance[c] : d;
        }
        sum += difference * difference;
      }
    return -10 * std::log10(sum / (static_cast<double>(width) * height));
  }

  int border_;
};

/// One channel's values and how they are averaged around a place.
struct Moments {
  double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
};

double ssim_of(const Moments& m) {
  constexpr double c1 = (0.01 * 255) * (0.01 * 255), c2 = (0.03 * 255) * (0.03 * 255);
  const double vx = m.xx - m.x * m.x, vy = m.yy - m.y * m.y, cov = m.xy - m.x * m.y;
  return (2 * m.x * m.y + c1) * (2 * cov + c2) / ((m.x * m.x + m.y * m.y + c1) * (vx + vy + c2));
}

/// Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004): 11x11 Gaussian windows with sigma 1.5 where
/// they fit, averaged over places and channels; or one window over the whole channel.
class Ssim : public MeanMetric {
 public:
  explicit Ssim(bool global) : global_(global) {}

 private:
  double observe(const Truth& truth, const Prediction& prediction) const override {
    const auto [real, seen] = pictures(truth, prediction, "metric 'ssim'");
    const std::size_t area = real.area();
    double sum = 0;
    for (int c = 0; c < real.channels; ++c) {
      const std::span<const float> x(real.values.data() + static_cast<std::size_t>(c) * area, area);
      const std::span<const float> y(seen.values.data() + static_cast<std::size_t>(c) * area, area);
      sum += global_ ? whole(x, y) : windows(x, y, real.width, real.height);
    }
    return sum / real.channels;
  }

  static void collect(Moments& m, double x, double y, double weight) {
    m.x += weight * x;
    m.y += weight * y;
    m.xx += weight * x * x;
    m.yy += weight * y * y;
    m.xy += weight * x * y;
  }

  static double whole(std::span<const float> x, std::span<const float> y) {
    Moments m;
    for (std::size_t i = 0; i < x.size(); ++i)
      collect(m, static_cast<double>(x[i]), static_cast<double>(y[i]), 1.0 / static_cast<double>(x.size()));
    return ssim_of(m);
  }

  static double windows(std::span<const float> x, std::span<const float> y, int width, int height) {
    constexpr int kRadius = 5;
    std::array<double, 11> taps{};
    double total = 0;
    for (int i = -kRadius; i <= kRadius; ++i)
      total += taps[static_cast<std::size_t>(i + kRadius)] = std::exp(-i * i / (2 * 1.5 * 1.5));
    for (double& tap : taps) tap /= total;
    if (width < 11 || height < 11) throw UsageError("metric 'ssim': the picture is smaller than 11x11");
    double sum = 0;
    for (int top = 0; top + 11 <= height; ++top)
      for (int left = 0; left + 11 <= width; ++left) {
        Moments m;
        for (int v = 0; v < 11; ++v)
          for (int u = 0; u < 11; ++u) {
            const std::size_t at = static_cast<std::size_t>(top + v) * static_cast<std::size_t>(width) +
                                   static_cast<std::size_t>(left + u);
            collect(m, static_cast<double>(x[at]), static_cast<double>(y[at]),
                    taps[static_cast<std::size_t>(u)] * taps[static_cast<std::size_t>(v)]);
          }
        sum += ssim_of(m);
      }
    return sum / (static_cast<double>(width - 10) * (height - 10));
  }

  bool global_;
};

std::unique_ptr<Metric> make_psnr(Fields& fields, const DatasetMeta&) {
  auto metric = std::make_unique<Psnr>(fields.integer("scale_border", 4, 0, 10000));
  // Reference and prediction are RGB here, whatever order the network gives; the adapter sees to it.
  fields.choice("color_order", "RGB", {"RGB", "BGR"});
  metric->info().scale = 1;
  metric->info().unit = "dB";
  return metric;
}

std::unique_ptr<Metric> make_ssim(Fields& fields, const DatasetMeta&) {
  auto metric =
      std::make_unique<Ssim>(fields.choice("window", "gaussian", {"gaussian", "global"}) == "global");
  metric->info().scale = 1;
  metric->info().unit = "";
  return metric;
}

}  // namespace

extern const MetricRecord psnr_metric{
    .name = "psnr", .summary = "peak signal-to-noise ratio of pictures", .make = make_psnr};
extern const MetricRecord ssim_metric{
    .name = "ssim", .summary = "structural similarity of pictures", .make = make_ssim};

}  // namespace refcalib::engine
