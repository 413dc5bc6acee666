#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace refcalib::detail {

/// The squared error of rounding one half of a histogram, by tables. Unit of length: one bin. A value is
/// taken to lie anywhere in its bin with equal probability.
///
/// With levels 0, s, ..., n s a value x is rounded to q s when it has passed the borders b_1 ... b_q,
/// b_q = (q - 1/2) s. Passing b_q changes its squared error by (x - q s)^2 - (x - (q - 1) s)^2
/// = -2 s (x - b_q). Summed over all values:
///   E(s, n) = integral of x^2 - 2 s * sum over q = 1 ... n of excess(b_q),   excess(b) = E[max(0, x - b)].
/// So a candidate costs one look-up per level, and more levels gain less and less: excess falls.
class RoundingError {
 public:
  explicit RoundingError(std::span<const std::uint64_t> counts) {
    std::size_t used = counts.size();
    while (used > 0 && counts[used - 1] == 0) --used;
    tails_.resize(used + 1);
    // From the far end, so that what lies beyond a threshold is a sum of small terms.
    for (std::size_t i = used; i-- > 0;) {
      const Tail& t = tails_[i + 1];
      const double c = static_cast<double>(counts[i]);
      tails_[i] = {t.mass + c, t.excess + t.mass + c * 0.5, t.square + 2.0 * t.excess + t.mass + c / 3.0};
    }
  }

  /// Upper edge of the last occupied bin; 0 without any.
  [[nodiscard]] double reach() const { return static_cast<double>(tails_.size() - 1); }

  /// Integral of x - b over the values x > b, b >= 0.
  [[nodiscard]] double excess(double b) const {
    if (b >= reach()) return 0.0;
    const auto bin = static_cast<std::int64_t>(b);
    const Tail& t = tails_[static_cast<std::size_t>(bin) + 1];
    const double left = static_cast<double>(bin + 1) - b;
    const double c = tails_[static_cast<std::size_t>(bin)].mass - t.mass;
    return t.excess + left * (t.mass + 0.5 * left * c);
  }

  /// Integral of (x - b)^2 over the values x > b, b >= 0: what clipping at b costs.
  [[nodiscard]] double clipped(double b) const {
    if (b >= reach()) return 0.0;
    const auto bin = static_cast<std::int64_t>(b);
    const Tail& t = tails_[static_cast<std::size_t>(bin) + 1];
    const double left = static_cast<double>(bin + 1) - b;
    const double c = tails_[static_cast<std::size_t>(bin)].mass - t.mass;
    return t.square + left * (2.0 * t.excess + left * (t.mass + left * c * (1.0 / 3.0)));
  }

  /// The error of rounding to 0, s, ..., n s, s > 0; what is above n s becomes n s. Rounding errors are a few
  /// 1e-16 of the integral of x^2. An error above `limit` may be given as infinity.
  [[nodiscard]] double operator()(double s, std::int32_t n, double limit = kInfinity) const {
    constexpr std::int32_t kBlock = 16;
    const double all = tails_.front().square;
    // What is given up may not hang on a rounding error.
    const double needed = (all - limit - 1e-12 * all) / (2.0 * s);
    double gain = 0.0;
    for (std::int32_t q = 1; q <= n;) {
      const std::int32_t block = std::min(n, q + kBlock - 1);
      double last = 0.0;
      for (; q <= block; ++q) {
        last = excess((q - 0.5) * s);
        gain += last;
      }
      // No level to come gains more than the last one did.
      if (gain + (n - block) * last < needed) return kInfinity;
      if (last <= 0.0) break;
    }
    return std::max(0.0, all - 2.0 * s * gain);
  }

 private:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  /// Integrals over the values above a bin edge e: of 1, x - e and (x - e)^2.
  struct Tail {
    double mass = 0.0;
    double excess = 0.0;
    double square = 0.0;
  };
  std::vector<Tail> tails_;
};

}  // namespace refcalib::detail
