#include <algorithm>
#include <cmath>
#include <limits>
#include <refcalib/threshold_percentile.hpp>
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

}  // namespace

TEST_CASE("minmax keeps everything", "[threshold]") {
  const Histogram two_sided = histogram_of({-2.0F, 0.0F, 5.0F});
  CHECK(threshold_minmax(two_sided, kUint8, Scheme::symmetric) == Range{-5, 5});
  CHECK(threshold_minmax(two_sided, kUint8, Scheme::asymmetric) == Range{-2, 5});
  const Histogram positive = histogram_of({3.0F, 5.0F});
  CHECK(threshold_minmax(positive, kUint8, Scheme::symmetric) == Range{0, 5});
  CHECK(threshold_minmax(positive, kUint8, Scheme::asymmetric) == Range{0, 5});
  const Histogram negative = histogram_of({-3.0F, -5.0F});
  CHECK(threshold_minmax(negative, kUint8, Scheme::symmetric) == Range{-5, 5});
  CHECK(threshold_minmax(negative, kUint8, Scheme::asymmetric) == Range{-5, 0});
  CHECK(threshold_minmax(Histogram(), kUint8, Scheme::asymmetric) == Range{0, 0});
}

TEST_CASE("percentiles agree with the sorted data to a bin", "[threshold]") {
  const std::vector<float> data = normal_values(200000, 61);
  const Histogram h = histogram_of(data);
  std::vector<float> magnitudes;
  for (const float v : data) magnitudes.push_back(std::fabs(v));
  std::sort(magnitudes.begin(), magnitudes.end());
  std::vector<float> sorted = data;
  std::sort(sorted.begin(), sorted.end());
  const auto at = [](const std::vector<float>& v, double p) {
    return static_cast<double>(v[static_cast<std::size_t>(p * static_cast<double>(v.size() - 1))]);
  };
  for (const double percent : {50.0, 90.0, 99.0, 99.9}) {
    const Range s = threshold_percentile(h, kInt8, Scheme::symmetric, PercentileOptions{percent});
    CHECK(s.max == Approx(at(magnitudes, percent / 100)).margin(2 * h.bin_width()));
    CHECK(s.min == -s.max);
    const Range a = threshold_percentile(h, kUint8, Scheme::asymmetric, PercentileOptions{percent});
    CHECK(a.min == Approx(at(sorted, (100 - percent) / 200)).margin(2 * h.bin_width()));
    CHECK(a.max == Approx(at(sorted, 1 - (100 - percent) / 200)).margin(2 * h.bin_width()));
  }
  CHECK(threshold_percentile(h, kInt8, Scheme::asymmetric, PercentileOptions{100.0}) == h.range());
}

TEST_CASE("sparsity does not move a percentile", "[threshold]") {
  const std::vector<float> dense = relu(normal_values(50000, 62));
  std::vector<float> sparse = dense;
  sparse.resize(dense.size() * 100, 0.0F);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    const Range expected = threshold_percentile(histogram_of(dense), kUint8, scheme, PercentileOptions{99.9});
    CHECK(threshold_percentile(histogram_of(sparse), kUint8, scheme, PercentileOptions{99.9}) == expected);
    CHECK(expected.min == 0.0F);
    CHECK(expected.max > 2.0F);
  }
}

TEST_CASE("percentile corner cases", "[threshold]") {
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    CHECK(threshold_percentile(Histogram(), kUint8, scheme) == Range{0, 0});
    CHECK(threshold_percentile(histogram_of(std::vector<float>(10, 0.0F)), kUint8, scheme) == Range{0, 0});
    // The result never leaves the seen range, even where the bin does.
    CHECK(threshold_percentile(histogram_of(std::vector<float>(10, 1.0F)), kUint8, scheme).max == 1.0F);
    const Range negative = threshold_percentile(histogram_of({-4.0F, -1.0F, -1.0F, -1.0F}), kUint8, scheme,
                                                PercentileOptions{60.0});
    CHECK(negative.min == Approx(-1.0).margin(0.01));
    CHECK(negative.max == Approx(scheme == Scheme::symmetric ? 1.0 : 0.0).margin(0.01));
  }
  // The one outlier goes, the bulk stays.
  std::vector<float> outlier = relu(normal_values(100000, 63));
  outlier[5] = 500.0F;
  const Range r =
      threshold_percentile(histogram_of(outlier), kUint8, Scheme::symmetric, PercentileOptions{99.99});
  CHECK(r.max < 6.0F);
  CHECK(r.max > 3.0F);
  for (const double bad : {0.0, -1.0, 100.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(threshold_percentile(Histogram(), kUint8, Scheme::symmetric, PercentileOptions{bad}),
                    std::invalid_argument);
  }
  CHECK_THROWS_AS(threshold_percentile(Histogram(), Levels{3, 1}, Scheme::symmetric), std::invalid_argument);
}
