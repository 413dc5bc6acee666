#pragma once

// The searches of KL and MSE as they are written in a textbook: every candidate to its end. What the toolkit's
// searches are timed against, in turns.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/detail/density.hpp>
#include <refcalib/params.hpp>
#include <vector>

namespace refcalib_bench {

/// Prefix sums of a histogram's mass, occupancy and h log h at fractional places.
class Prefix {
 public:
  explicit Prefix(const std::vector<double>& h) : h_(h), sums_(h.size() + 1) {
    for (std::size_t i = 0; i < h.size(); ++i)
      sums_[i + 1] = {sums_[i].mass + h[i], sums_[i].occupied + (h[i] > 0.0 ? 1.0 : 0.0),
                      sums_[i].entropy + (h[i] > 0.0 ? h[i] * std::log(h[i]) : 0.0)};
  }

  /// KL divergence of the first `end` bins merged into `levels`, the tail in the last bin of P.
  [[nodiscard]] double divergence(std::size_t end, std::size_t levels) const {
    const double total = sums_.back().mass;
    const double tail = total - sums_[end].mass;
    if (sums_[end].mass <= 0.0) return std::numeric_limits<double>::infinity();
    const double last = h_[end - 1];
    double sum = sums_[end].entropy - (last > 0.0 ? last * std::log(last) : 0.0);
    if (last + tail > 0.0) sum += (last + tail) * std::log(last + tail);
    double q_mass = sums_[end].mass;
    const double width = static_cast<double>(end) / static_cast<double>(levels);
    Sum from{};
    for (std::size_t g = 1; g <= levels; ++g) {
      const Sum to = g == levels ? sums_[end] : at(static_cast<double>(g) * width);
      const double mass = to.mass - from.mass;
      const double here = g == levels ? tail : 0.0;
      const double occupied = to.occupied - from.occupied + (here > 0.0 && last <= 0.0 ? 1.0 : 0.0);
      from = to;
      const double floored = here > 0.0 ? std::max(mass, 0.5) : mass;
      q_mass += floored - mass;
      if (floored > 0.0 && occupied > 0.0) sum -= (mass + here) * std::log(floored / occupied);
    }
    return sum / total + std::log(q_mass / total);
  }

 private:
  struct Sum {
    double mass = 0.0, occupied = 0.0, entropy = 0.0;
  };
  [[nodiscard]] Sum at(double x) const {
    const std::size_t bin = std::min(static_cast<std::size_t>(x), h_.size() - 1);
    const double part = x - static_cast<double>(bin);
    return {sums_[bin].mass + part * h_[bin], sums_[bin].occupied + (h_[bin] > 0.0 ? part : 0.0), 0.0};
  }
  const std::vector<double>& h_;
  std::vector<Sum> sums_;
};

inline double full_kl(const refcalib::Histogram& histogram) {
  constexpr std::size_t bins = 2048;
  const std::size_t levels = histogram.has_negative() ? 128 : 256;
  const double reach = refcalib::detail::largest_magnitude(histogram);
  const std::vector<double> mass = refcalib::detail::resample(histogram, 0.0, reach, bins, true).mass;
  const Prefix prefix(mass);
  double best = std::numeric_limits<double>::infinity();
  std::size_t best_end = bins;
  for (std::size_t end = bins; end >= levels; --end) {
    const double d = prefix.divergence(end, levels);
    if (d < best) {
      best = d;
      best_end = end;
    }
  }
  return best_end == bins ? reach : static_cast<double>(best_end) * reach / bins;
}

/// Squared error of a half rounded to 0, s, ..., n s, level by level.
inline double half_error(const refcalib::detail::HalfMoments& half, double s, std::int32_t n) {
  using Moments = refcalib::detail::HalfMoments::Moments;
  const auto cell = [](const Moments& from, const Moments& to, double centre) {
    return (to.second - from.second) - 2.0 * centre * (to.first - from.first) +
           centre * centre * (to.mass - from.mass);
  };
  double error = 0.0;
  Moments from;
  std::int32_t q = 0;
  for (; q < n && (q + 0.5) * s < half.reach(); ++q) {
    const Moments to = half.up_to((q + 0.5) * s);
    error += cell(from, to, q * s);
    from = to;
  }
  return error + cell(from, half.total(), q * s);
}

inline double full_mse(const refcalib::Histogram& histogram) {
  const refcalib::detail::HalfMoments positive(histogram.positive());
  const refcalib::detail::HalfMoments negative(histogram.negative());
  const double steps = histogram.has_negative() ? 127 : 255;
  double best = std::numeric_limits<double>::infinity();
  double best_t = 0.0;
  for (double t = std::max(positive.reach(), negative.reach()); t >= 1.0; t -= 1.0) {
    const double error = half_error(positive, t / steps, histogram.has_negative() ? 127 : 255) +
                         half_error(negative, t / steps, 128);
    if (error < best) {
      best = error;
      best_t = t;
    }
  }
  return std::min(best_t * histogram.bin_width(), refcalib::detail::largest_magnitude(histogram));
}

}  // namespace refcalib_bench
