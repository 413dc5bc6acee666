#include <algorithm>
#include <cmath>
#include <limits>
#include <refcalib/quantize.hpp>
#include <refcalib/threshold_minmax.hpp>
#include <refcalib/threshold_mse.hpp>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::Approx;
using refcalib_test::normal_values;
using refcalib_test::relu;

namespace {

Histogram histogram_of(const std::vector<float>& x) {
  Histogram h;
  h.update(std::span<const float>(x));
  return h;
}

/// Integral of the squared rounding error of a half, bin by bin and cell by cell, without prefix sums. Unit:
/// one bin.
double reference_half_error(std::span<const std::uint64_t> counts, double s, int n) {
  double error = 0.0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    double x = static_cast<double>(i);
    const double end = x + 1.0;
    while (x < end - 1e-12) {
      const double q = std::min<double>(n, std::floor(x / s + 0.5 + 1e-12));
      const double cell_end = q == n ? end : std::min(end, (q + 0.5) * s);
      const double a = x - q * s;
      const double b = cell_end - q * s;
      error += static_cast<double>(counts[i]) * (b * b * b - a * a * a) / 3.0;
      x = cell_end;
    }
  }
  return error;
}

double measured_mse(const std::vector<float>& data, const QuantParams& p) {
  double sum = 0.0;
  for (const float v : data) {
    const double d = static_cast<double>(v) - fake_quantize(v, p);
    sum += d * d;
  }
  return sum / static_cast<double>(data.size());
}

/// Two bumps far apart: the error has two local minima over T, and a walk from the wide end stops at the
/// first.
std::vector<float> two_bumps() {
  std::vector<float> data = normal_values(100000, 71, 0.05F);
  for (std::size_t i = 0; i < 30; ++i) data.push_back(8.0F + 0.01F * static_cast<float>(i));
  return data;
}

}  // namespace

TEST_CASE("the error of a half through tables equals direct integration", "[threshold]") {
  const Histogram h = histogram_of(normal_values(20000, 72));
  const detail::RoundingError error(h.positive());
  for (const double s : {1.0, 3.7, 17.25, 32.0, 100.0}) {
    for (const int n : {0, 1, 7, 127, 255}) {
      INFO("s " << s << " n " << n);
      const double expected = reference_half_error(h.positive(), s, n);
      CHECK(error(s, n) == Approx(expected).epsilon(1e-6));
      // A limit above the error changes nothing, one below may only lead to infinity.
      CHECK(error(s, n, expected * 1.001 + 1.0) == error(s, n));
      const double given_up = error(s, n, expected * 0.5);
      CHECK((given_up == error(s, n) || given_up == std::numeric_limits<double>::infinity()));
    }
  }
  CHECK(detail::RoundingError(std::span<const std::uint64_t>())(1.0, 255) == 0.0);
}

TEST_CASE("what clipping costs equals direct integration", "[threshold]") {
  const Histogram h = histogram_of(normal_values(20000, 70));
  const detail::RoundingError error(h.positive());
  for (const double b : {0.0, 0.5, 100.25, 2000.0, 4095.9, 5000.0}) {
    double square = 0.0;
    double first = 0.0;
    for (std::size_t i = 0; i < h.positive().size(); ++i) {
      const double from = std::max(b, static_cast<double>(i)) - b;
      const double to = std::max(b, static_cast<double>(i + 1)) - b;
      square += static_cast<double>(h.positive()[i]) * (to * to * to - from * from * from) / 3.0;
      first += static_cast<double>(h.positive()[i]) * (to * to - from * from) / 2.0;
    }
    CHECK(error.clipped(b) == Approx(square).epsilon(1e-9));
    CHECK(error.excess(b) == Approx(first).epsilon(1e-9));
  }
}

TEST_CASE("giving candidates up early changes no result", "[threshold]") {
  std::vector<float> outlier = relu(normal_values(50000, 67));
  outlier[9] = 60.0F;
  for (const std::vector<float>& data :
       {normal_values(20000, 68), relu(normal_values(20000, 69)), two_bumps(), outlier}) {
    const Histogram h = histogram_of(data);
    const detail::RoundingError positive(h.positive());
    const detail::RoundingError negative(h.negative());
    for (const Levels levels : {kUint8, kInt8, levels(5, Signedness::is_signed)}) {
      const std::int32_t zp = symmetric_zero_point(levels, h.has_negative());
      const std::int32_t steps = detail::symmetric_steps(levels, zp, h.has_negative());
      double best = std::numeric_limits<double>::infinity();
      double best_t = 0.0;
      for (double t = std::max(positive.reach(), negative.reach()); t >= 1.0; t -= 1.0) {
        const double error = positive(t / steps, levels.qmax - zp) + negative(t / steps, zp - levels.qmin);
        if (error < best) {
          best = error;
          best_t = t;
        }
      }
      const double expected = std::min(best_t * h.bin_width(), detail::largest_magnitude(h));
      CHECK(threshold_mse(h, levels, Scheme::symmetric).max == static_cast<float>(expected));
    }
    // Asymmetric: every scale with every zero point.
    constexpr int scales = 48;
    const std::int32_t steps = 255;
    const Range seen = widen_to_zero(h.range());
    const double full = (static_cast<double>(seen.max) - seen.min) / h.bin_width() / steps;
    double best = std::numeric_limits<double>::infinity();
    for (int k = scales; k >= 1; --k)
      for (std::int32_t n = 0; n <= steps; ++n)
        best = std::min(best, negative(full * k / scales, n) + positive(full * k / scales, steps - n));
    const Range r = threshold_mse(h, kUint8, Scheme::asymmetric, MseOptions{.scales = scales});
    const double s = (static_cast<double>(r.max) - r.min) / h.bin_width() / steps;
    const auto below = static_cast<std::int32_t>(std::lround(-r.min / h.bin_width() / s));
    CHECK(negative(s, below) + positive(s, steps - below) == Approx(best).epsilon(1e-5));
  }
}

TEST_CASE("a coarser grid of candidates is a part of the finer one", "[threshold]") {
  const Histogram h = histogram_of(two_bumps());
  const float fine = threshold_mse(h, kInt8, Scheme::symmetric).max;
  const float coarse = threshold_mse(h, kInt8, Scheme::symmetric, MseOptions{.step = 16}).max;
  CHECK(coarse == Approx(fine).margin(16 * h.bin_width()));
  CHECK(std::fmod(static_cast<double>(h.range().max) - coarse, 16 * h.bin_width()) <= 16 * h.bin_width());
}

TEST_CASE("the symmetric threshold is the global optimum over all bin edges", "[threshold]") {
  for (const std::vector<float>& data :
       {normal_values(20000, 73), relu(normal_values(20000, 74)), two_bumps()}) {
    for (const Levels levels : {kUint8, kInt8, levels(4, Signedness::is_unsigned),
                                levels(4, Signedness::is_signed, RangeKind::narrow)}) {
      const Histogram h = histogram_of(data);
      const Range found = threshold_mse(h, levels, Scheme::symmetric);
      const std::int32_t zp = symmetric_zero_point(levels, h.has_negative());
      const std::int32_t steps =
          h.has_negative() ? std::min(levels.qmax - zp, zp - levels.qmin) : levels.qmax - zp;
      const auto error_of = [&](double bins) {
        return reference_half_error(h.positive(), bins / steps, levels.qmax - zp) +
               reference_half_error(h.negative(), bins / steps, zp - levels.qmin);
      };
      const double best = error_of(static_cast<double>(found.max) / h.bin_width());
      for (double bins = 4.0; bins <= 4096.0; bins += 31.0) REQUIRE(best <= error_of(bins) * 1.001);
    }
  }
}

TEST_CASE("the measured error is close to the best that any range gives", "[threshold]") {
  for (const std::vector<float>& data :
       {normal_values(50000, 75), relu(normal_values(50000, 76)), two_bumps()}) {
    const Histogram h = histogram_of(data);
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
      const auto choose = [&](Range r) {
        return scheme == Scheme::symmetric ? choose_symmetric(r, kUint8) : choose_asymmetric(r, kUint8);
      };
      const double found = measured_mse(data, choose(threshold_mse(h, kUint8, scheme)));
      const Range full = threshold_minmax(h, kUint8, scheme);
      for (int k = 1; k <= 40; ++k) {
        const float part = static_cast<float>(k) / 40.0F;
        REQUIRE(found <= 1.02 * measured_mse(data, choose({full.min * part, full.max * part})));
        REQUIRE(found <= 1.02 * measured_mse(data, choose({full.min, full.max * part})));
      }
    }
  }
}

TEST_CASE("the asymmetric optimum survives the choice of parameters", "[threshold]") {
  std::vector<float> shifted = normal_values(50000, 77);
  for (float& v : shifted) v = 0.7F * v + 1.1F;
  for (const std::vector<float>& data : {shifted, normal_values(50000, 78), relu(normal_values(50000, 79))}) {
    const Histogram h = histogram_of(data);
    for (const Levels levels : {kUint8, kInt8}) {
      const Range r = threshold_mse(h, levels, Scheme::asymmetric);
      const QuantParams p = choose_asymmetric(r, levels);
      const Range back = representable_range(p);
      CHECK(back.min == Approx(r.min).margin(1e-6));
      CHECK(back.max == Approx(r.max).margin(1e-5));
    }
    // A free zero point cannot be worse than the symmetric one (up to the grid of scales).
    const QuantParams free = choose_asymmetric(threshold_mse(h, kUint8, Scheme::asymmetric), kUint8);
    const QuantParams fixed = choose_symmetric(threshold_mse(h, kUint8, Scheme::symmetric), kUint8);
    CHECK(measured_mse(data, free) <= 1.02 * measured_mse(data, fixed));
  }
}

TEST_CASE("MSE corner cases", "[threshold]") {
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    CHECK(threshold_mse(Histogram(), kUint8, scheme) == Range{0, 0});
    CHECK(threshold_mse(histogram_of(std::vector<float>(9, 0.0F)), kUint8, scheme) == Range{0, 0});
    for (const float constant : {1.0F, 0.7F, -3.0F, 1e-30F, 1e30F}) {
      const Histogram h = histogram_of(std::vector<float>(1000, constant));
      const Range r = threshold_mse(h, kUint8, scheme);
      const QuantParams p =
          scheme == Scheme::symmetric ? choose_symmetric(r, kUint8) : choose_asymmetric(r, kUint8);
      CHECK(fake_quantize(constant, p) == Approx(constant).epsilon(0.005));
    }
    // Exact zeros change nothing.
    const std::vector<float> dense = relu(normal_values(5000, 80));
    std::vector<float> sparse = dense;
    sparse.resize(100000, 0.0F);
    CHECK(threshold_mse(histogram_of(sparse), kUint8, scheme) ==
          threshold_mse(histogram_of(dense), kUint8, scheme));
    CHECK_THROWS_AS(threshold_mse(Histogram(), kUint8, scheme, MseOptions{.scales = 0}),
                    std::invalid_argument);
    CHECK_THROWS_AS(threshold_mse(Histogram(), kUint8, scheme, MseOptions{.step = 0}), std::invalid_argument);
    CHECK_THROWS_AS(threshold_mse(Histogram(), Levels{1, 2}, scheme), std::invalid_argument);
  }
}

TEST_CASE("a lone outlier is clipped as far as its error is worth", "[threshold]") {
  // Rounding costs n T^2 / (12 * 255^2) over the n values inside, clipping (60 - T)^2: the sum is least at 60
  // / (1 + a).
  std::vector<float> data = relu(normal_values(1000000, 81));
  data[0] = 60.0F;
  const auto inside =
      static_cast<double>(std::count_if(data.begin(), data.end(), [](float v) { return v > 0.0F; }));
  const double a = inside / (12.0 * 255.0 * 255.0);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    const Range r = threshold_mse(histogram_of(data), kUint8, scheme);
    CHECK(r.max == Approx(60.0 / (1.0 + a)).epsilon(0.03));
    CHECK(r.min == 0.0F);
  }
}
