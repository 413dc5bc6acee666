#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace refcalib {

/// A sum of doubles that does not depend on their order: every addend is rounded to a multiple of 2^-64 and
/// clamped to [-2^31, 2^31] by itself, and then added as an integer of 128 bits. 2^32 addends cannot
/// overflow it. Not-a-number and infinities are left out.
class ExactSum {
 public:
  /// The state for files: the value is whole + fraction * 2^-64.
  std::int64_t whole = 0;
  std::uint64_t fraction = 0;

  void add(double x) {
    constexpr double largest = 2147483648.0;
    constexpr double unit = 18446744073709551616.0;  // 2^64
    if (!std::isfinite(x)) return;
    const double magnitude = std::min(std::fabs(x), largest);
    const auto integer = static_cast<std::int64_t>(magnitude);
    const ExactSum addend(integer,
                          static_cast<std::uint64_t>((magnitude - static_cast<double>(integer)) * unit));
    if (x < 0)
      subtract(addend);
    else
      add(addend);
  }

  void add(const ExactSum& other) {
    const std::uint64_t before = fraction;
    fraction += other.fraction;
    whole += other.whole + (fraction < before ? 1 : 0);
  }

  [[nodiscard]] double value() const {
    return static_cast<double>(whole) + std::ldexp(static_cast<double>(fraction), -64);
  }

  constexpr ExactSum() = default;
  constexpr ExactSum(std::int64_t w, std::uint64_t f) : whole(w), fraction(f) {}
  friend constexpr bool operator==(const ExactSum&, const ExactSum&) = default;

 private:
  void subtract(const ExactSum& other) {
    const std::uint64_t before = fraction;
    fraction -= other.fraction;
    whole -= other.whole + (fraction > before ? 1 : 0);
  }
};

}  // namespace refcalib
