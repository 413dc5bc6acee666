#include <algorithm>
#include <cmath>
#include <limits>
#include <refcalib/threshold_kl.hpp>
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

/// The divergence written out: both densities on the common refinement of bin edges and group borders, then
/// the sum.
double reference_divergence(const std::vector<double>& h, std::size_t lo, std::size_t hi,
                            std::size_t levels) {
  std::vector<double> p(h.begin() + static_cast<std::ptrdiff_t>(lo),
                        h.begin() + static_cast<std::ptrdiff_t>(hi));
  double tail_low = 0.0;
  double tail_high = 0.0;
  for (std::size_t i = 0; i < lo; ++i) tail_low += h[i];
  for (std::size_t i = hi; i < h.size(); ++i) tail_high += h[i];
  const std::vector<double> inside = p;
  p.front() += tail_low;
  p.back() += tail_high;
  const double group = static_cast<double>(p.size()) / static_cast<double>(levels);

  struct Piece {
    std::size_t bin, group;
    double length;
  };
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < p.size(); ++i) {
    for (std::size_t g = 0; g < levels; ++g) {
      const double a = std::max(static_cast<double>(i), static_cast<double>(g) * group);
      const double b = std::min(static_cast<double>(i + 1), static_cast<double>(g + 1) * group);
      if (b > a + 1e-12) pieces.push_back({i, g, b - a});
    }
  }
  std::vector<double> mass(levels, 0.0);
  std::vector<double> occupied(levels, 0.0);
  for (const Piece& piece : pieces) {
    mass[piece.group] += piece.length * inside[piece.bin];
    if (p[piece.bin] > 0.0) occupied[piece.group] += piece.length;
  }
  if (tail_low > 0.0) mass.front() = std::max(mass.front(), 0.5);
  if (tail_high > 0.0) mass.back() = std::max(mass.back(), 0.5);
  double p_total = 0.0;
  double q_total = 0.0;
  for (const double v : p) p_total += v;
  for (const double v : mass) q_total += v;
  double kl = 0.0;
  for (const Piece& piece : pieces) {
    if (p[piece.bin] <= 0.0) continue;
    const double q = mass[piece.group] / occupied[piece.group] / q_total;
    kl += piece.length * p[piece.bin] / p_total * std::log(p[piece.bin] / p_total / q);
  }
  return kl;
}

std::vector<double> counts(std::size_t bins, unsigned seed) {
  std::vector<double> h(bins, 0.0);
  for (const float v : normal_values(20000, seed, 0.25F)) {
    const auto bin = static_cast<std::size_t>(std::fabs(v) * static_cast<float>(bins));
    if (bin < bins) h[bin] += 1.0;
  }
  return h;
}

}  // namespace

TEST_CASE("the divergence through prefix sums equals the written-out one", "[threshold]") {
  std::vector<double> gappy = counts(256, 91);
  for (std::size_t i = 0; i < gappy.size(); i += 3) gappy[i] = 0.0;
  for (std::size_t i = 60; i < 90; ++i) gappy[i] = 0.0;
  for (const std::vector<double>& h : {counts(256, 92), gappy}) {
    const detail::ClippedDivergence divergence(h);
    for (const std::size_t levels : std::initializer_list<std::size_t>{16, 32, 60}) {
      for (const std::size_t lo : std::initializer_list<std::size_t>{0, 1, 10, 33}) {
        for (const std::size_t hi : std::initializer_list<std::size_t>{93, 128, 200, 255, 256}) {
          if (hi - lo < levels) continue;
          INFO("levels " << levels << " lo " << lo << " hi " << hi);
          CHECK(divergence(lo, hi, levels) == Approx(reference_divergence(h, lo, hi, levels)).margin(1e-9));
        }
      }
    }
  }
}

TEST_CASE("the divergence is never negative and zero only without loss", "[threshold]") {
  const std::vector<double> h = counts(512, 93);
  const detail::ClippedDivergence divergence(h);
  for (std::size_t hi = 128; hi <= 512; ++hi) CHECK(divergence(0, hi, 128) >= -1e-12);
  // As many levels as bins and nothing outside: Q is P.
  CHECK(divergence(0, 512, 512) == Approx(0.0).margin(1e-12));
  const detail::ClippedDivergence uniform(std::vector<double>(512, 3.0));
  CHECK(uniform(0, 512, 128) == Approx(0.0).margin(1e-12));
  CHECK(uniform(0, 400, 128) > 0.01);
  CHECK(divergence(0, 256, 128) < std::numeric_limits<double>::infinity());
  std::vector<double> empty_inside(512, 0.0);
  empty_inside[500] = 5.0;
  CHECK(detail::ClippedDivergence(empty_inside)(0, 256, 128) == std::numeric_limits<double>::infinity());
}

TEST_CASE("every candidate is a different quantizer", "[threshold]") {
  // With integer group sizes all candidates from 128 to 255 bins would tie.
  const detail::ClippedDivergence divergence(counts(512, 94));
  int equal = 0;
  for (std::size_t hi = 129; hi < 256; ++hi) {
    if (std::fabs(divergence(0, hi, 128) - divergence(0, hi - 1, 128)) < 1e-15) ++equal;
  }
  CHECK(equal == 0);
  // Integer groups would keep every bin but the last ones: groups of 1 to 2 bins mix all over the range.
  for (std::size_t hi = 130; hi < 256; ++hi) {
    std::vector<double> uneven_then_flat(hi, 2.0);
    for (std::size_t i = 0; i < 127; ++i) uneven_then_flat[i] = i % 2 == 0 ? 1.0 : 3.0;
    INFO("bins " << hi);
    CHECK(detail::ClippedDivergence(uneven_then_flat)(0, hi, 128) > 1e-4);
  }
}

TEST_CASE("giving candidates up early changes no result", "[threshold]") {
  std::vector<float> outlier = relu(normal_values(50000, 85));
  outlier[7] = 60.0F;
  std::vector<float> sparse = normal_values(300, 86);
  for (const std::vector<float>& data :
       {normal_values(200000, 87), relu(normal_values(200000, 88)), outlier, sparse}) {
    const Histogram h = histogram_of(data);
    for (const int step : {1, 7}) {
      const KlOptions options{.bins = 1024, .step = step};
      const std::size_t levels = h.has_negative() ? 128 : 256;
      const double reach = detail::largest_magnitude(h);
      const detail::ClippedDivergence divergence(detail::resample(h, 0.0, reach, 1024, true).mass);
      double best = std::numeric_limits<double>::infinity();
      std::size_t best_end = 1024;
      for (std::size_t end = 1024; end >= levels; end -= static_cast<std::size_t>(step)) {
        const double d = divergence(0, end, levels);
        if (d < best) {
          best = d;
          best_end = end;
        }
        if (end < levels + static_cast<std::size_t>(step)) break;
      }
      const double expected = best_end == 1024 ? reach : static_cast<double>(best_end) * (reach / 1024);
      CHECK(threshold_kl(h, kUint8, Scheme::symmetric, options).max == static_cast<float>(expected));
    }
  }
}

TEST_CASE("the logarithm agrees with that of the C library", "[threshold]") {
  const detail::FastLog log;
  for (double x = 1e-300; x < 1e300; x *= 1.2345678) CHECK(log(x) == Approx(std::log(x)).margin(2e-14));
  for (double x = 0.5; x < 2.0; x += 1.0 / 4097) CHECK(log(x) == Approx(std::log(x)).margin(2e-14));
}

// What other implementations do, and why not here.

TEST_CASE("the defaults leave something to search", "[threshold]") {
  // ONNX Runtime merges 128 bins into 128 levels: one candidate, so that "entropy" is min/max.
  CHECK(KlOptions{}.bins == 2048);
  std::vector<float> data = relu(normal_values(100000, 84));
  data[0] = 50.0F;
  const Histogram h = histogram_of(data);
  CHECK(threshold_kl(h, kUint8, Scheme::symmetric).max < 0.5F * h.range().max);
  const KlOptions as_many{.bins = 256};
  CHECK(threshold_kl(h, kUint8, Scheme::symmetric, as_many) ==
        threshold_minmax(h, kUint8, Scheme::symmetric));
}

TEST_CASE("one-sided data has twice the levels of a magnitude", "[threshold]") {
  // TensorRT, ncnn and TPU-MLIR merge into 128 levels for u8, too, and clip harder than u8 needs.
  const Histogram h = histogram_of(relu(normal_values(300000, 83, 2.0F)));
  const Range own = threshold_kl(h, kUint8, Scheme::symmetric);
  CHECK(own == threshold_kl(h, kUint8, Scheme::symmetric, KlOptions{.levels = 256}));
  const Range coarse = threshold_kl(h, kUint8, Scheme::symmetric, KlOptions{.levels = 128});
  CHECK(coarse == threshold_kl(h, kInt8, Scheme::symmetric));
  CHECK(coarse.max < own.max);
}

TEST_CASE("small values are kept when zeros are dropped", "[threshold]") {
  // caffe-int8 and PPQ drop the first bins with the zeros, and with them values that are small but real.
  std::vector<float> data = relu(normal_values(100000, 82));
  std::vector<float> with_small = data;
  for (std::size_t i = 0; i < 20000; ++i) with_small.push_back(1e-4F * static_cast<float>(i % 7 + 1));
  const detail::Resampled grid = detail::resample(histogram_of(with_small), 0.0, 4.0, 2048, true);
  CHECK(grid.mass[0] > 19999.0);
}

TEST_CASE("small values take part in the search", "[threshold]") {
  // Dropping the first bin, or the first few as PPQ does, would move the threshold of this data.
  constexpr std::size_t bins = 512, step = 16, groups = 128;
  const auto best_of = [&](const std::vector<double>& h) {
    std::size_t best = bins;
    for (std::size_t end = bins; end >= groups; end -= step)
      if (reference_divergence(h, 0, end, groups) < reference_divergence(h, 0, best, groups) - 1e-12)
        best = end;
    return best;
  };
  std::vector<float> data;
  std::vector<double> h(bins, 0.0);
  for (std::size_t i = 0; i < bins; ++i) {
    const int many =
        i == 0 ? 20000 : static_cast<int>(4000.0 * std::exp(-static_cast<double>(i) / 60.0)) + (i % 7 == 0);
    // In the middles of bins of 1/128, so that the count is the same on any grid.
    data.insert(data.end(), static_cast<std::size_t>(many), (static_cast<float>(i) + 0.5F) / 128.0F);
    h[i] = many;
  }
  data.push_back(4.0F);
  h[bins - 1] += 1.0;
  const KlOptions options{.bins = bins, .levels = groups, .step = step};
  CHECK(threshold_kl(histogram_of(data), kUint8, Scheme::symmetric, options).max ==
        static_cast<float>(best_of(h)) / 128.0F);
  std::vector<double> without_first = h;
  without_first[0] = 0.0;
  CHECK(best_of(without_first) != best_of(h));
  std::vector<double> without_four = h;
  std::fill(without_four.begin(), without_four.begin() + 4, 0.0);
  CHECK(best_of(without_four) != best_of(h));
}

TEST_CASE("smoothing says how much clipping into an empty stretch costs", "[threshold]") {
  // ncnn adds a constant to every bin of both without normalising them, which favours short candidates.
  std::vector<float> data = relu(normal_values(50000, 81));
  for (int i = 0; i < 40; ++i) data.push_back(30.0F + 0.01F * static_cast<float>(i));
  const Histogram h = histogram_of(data);
  const float usual = threshold_kl(h, kUint8, Scheme::symmetric).max;
  CHECK(threshold_kl(h, kUint8, Scheme::symmetric, KlOptions{.smoothing = 1e-9}).max >= usual);
}

TEST_CASE("KL clips rare large values that MSE and min/max keep", "[threshold]") {
  // The outputs of detection heads: what matters is rare and far away (TensorRT issue 2705).
  std::vector<float> head = normal_values(500000, 80, 0.05F);
  for (int i = 0; i < 200; ++i) head.push_back(4.0F + 0.01F * static_cast<float>(i));
  const Histogram h = histogram_of(head);
  CHECK(threshold_kl(h, kInt8, Scheme::symmetric).max < 2.0F);
  CHECK(threshold_minmax(h, kInt8, Scheme::symmetric).max == h.range().max);
  CHECK(threshold_mse(h, kInt8, Scheme::symmetric).max > 0.8F * h.range().max);
}

TEST_CASE("KL keeps the range of data that fill it", "[threshold]") {
  std::vector<float> uniform;
  for (int i = 0; i < 200000; ++i) uniform.push_back(static_cast<float>((i * 7919) % 200000 + 1) / 200000.0F);
  const Histogram h = histogram_of(uniform);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    const Range r = threshold_kl(h, kUint8, scheme);
    CHECK(r.max == Approx(1.0).epsilon(0.01));
    CHECK(r.min == 0.0F);
  }
}

TEST_CASE("KL clips an outlier and keeps the bulk", "[threshold]") {
  std::vector<float> data = relu(normal_values(300000, 95));
  data[0] = 25.0F;
  const Histogram h = histogram_of(data);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    const Range r = threshold_kl(h, kUint8, scheme);
    INFO("T " << r.max);
    CHECK(r.max < 12.0F);
    CHECK(r.max > 3.0F);
  }
  std::vector<float> both = normal_values(300000, 96);
  both[0] = 30.0F;
  const Range s = threshold_kl(histogram_of(both), kInt8, Scheme::symmetric);
  CHECK(s.min == -s.max);
  CHECK(s.max < 15.0F);
  CHECK(s.max > 2.5F);
  // Only the end with the outlier is cut.
  const Range a = threshold_kl(histogram_of(both), kUint8, Scheme::asymmetric);
  CHECK(a.max < 15.0F);
  CHECK(a.max > 2.5F);
  CHECK(a.min < -2.5F);
  CHECK(a.min >= h.range().min - 6.0F);
}

TEST_CASE("zeros after a ReLU do not move the threshold", "[threshold]") {
  const std::vector<float> dense = relu(normal_values(100000, 97));
  std::vector<float> sparse = dense;
  sparse.resize(2000000, 0.0F);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    CHECK(threshold_kl(histogram_of(sparse), kUint8, scheme) ==
          threshold_kl(histogram_of(dense), kUint8, scheme));
  }
}

TEST_CASE("scaling the data scales the threshold", "[threshold]") {
  const std::vector<float> data = normal_values(100000, 98);
  const Range base = threshold_kl(histogram_of(data), kInt8, Scheme::symmetric);
  for (const float factor : {4.0F, 0.37F}) {
    std::vector<float> scaled = data;
    for (float& v : scaled) v *= factor;
    const Range r = threshold_kl(histogram_of(scaled), kInt8, Scheme::symmetric);
    // Powers of two are exact; other factors regroup values near bin edges.
    CHECK(r.max == Approx(base.max * factor).epsilon(factor == 4.0F ? 1e-6 : 0.1));
  }
}

TEST_CASE("KL corner cases", "[threshold]") {
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    CHECK(threshold_kl(Histogram(), kUint8, scheme) == Range{0, 0});
    CHECK(threshold_kl(histogram_of(std::vector<float>(9, 0.0F)), kUint8, scheme) == Range{0, 0});
    for (const float constant : {1.0F, 0.7F, 1e-30F, 1e30F, 1e-42F}) {
      CHECK(threshold_kl(histogram_of(std::vector<float>(1000, constant)), kUint8, scheme).max == constant);
      const Range r = threshold_kl(histogram_of(std::vector<float>(1000, -constant)), kUint8, scheme);
      CHECK(r.min == -constant);
      CHECK(r.max == (scheme == Scheme::symmetric ? constant : 0.0F));
    }
    // More levels than bins: nothing to search.
    const Histogram h = histogram_of(normal_values(1000, 99));
    CHECK(threshold_kl(h, levels(16, Signedness::is_unsigned), scheme) ==
          threshold_minmax(h, kUint8, scheme));
    for (const int bins : {0, 64, 129, 8192, -128}) {
      CHECK_THROWS_AS(threshold_kl(Histogram(), kUint8, scheme, KlOptions{.bins = bins}),
                      std::invalid_argument);
    }
    for (const KlOptions& bad :
         {KlOptions{.levels = 1}, KlOptions{.levels = -5}, KlOptions{.levels = 65537}, KlOptions{.step = 0},
          KlOptions{.smoothing = 0.0}, KlOptions{.smoothing = std::numeric_limits<double>::quiet_NaN()}}) {
      CHECK_THROWS_AS(threshold_kl(Histogram(), kUint8, scheme, bad), std::invalid_argument);
    }
    CHECK_THROWS_AS(threshold_kl(Histogram(), Levels{0, 0}, scheme), std::invalid_argument);
    for (const int bins : {256, 1024, 4096}) {
      const Range r = threshold_kl(h, kInt8, scheme, KlOptions{.bins = bins});
      CHECK(r.max > 1.0F);
      CHECK(r.max <= 4.5F);
    }
  }
}
