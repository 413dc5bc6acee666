// Thresholds from formulae: ACIQ and OCTAV.

#include <cmath>
#include <limits>
#include <random>
#include <refcalib/threshold.hpp>
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

std::vector<float> laplace_values(std::size_t n, unsigned seed, float b) {
  std::mt19937 engine(seed);
  std::exponential_distribution<float> magnitude(1.0F / b);
  std::vector<float> values(n);
  for (float& v : values) v = (engine() % 2 == 0 ? 1.0F : -1.0F) * magnitude(engine);
  return values;
}

/// The objective of OCTAV, value by value.
double octav_cost(const std::vector<float>& data, double low, double high, double step) {
  double cost = 0.0;
  for (const float v : data) {
    const double x = v;
    if (x == 0.0) continue;
    if (x > high)
      cost += (x - high) * (x - high);
    else if (x < -low)
      cost += (x + low) * (x + low);
    else
      cost += step * step / 12.0;
  }
  return cost;
}

}  // namespace

TEST_CASE("the thresholds of ACIQ are those of the paper", "[threshold]") {
  const std::vector<double> gauss{1.71063519, 2.15159277, 2.55913646, 2.93620062,
                                  3.28691474, 3.6151146,  3.92403714};
  const std::vector<double> laplace{2.83068299, 3.89722946, 5.02864014, 6.20476633,
                                    7.41312621, 8.64561999, 9.89675982};
  for (int bits = 2; bits <= 8; ++bits) {
    const double steps = std::ldexp(1.0, bits - 1);
    INFO("bits " << bits);
    CHECK(aciq_threshold(AciqDistribution::gauss, steps) ==
          Approx(gauss[static_cast<std::size_t>(bits) - 2]).epsilon(2e-6));
    CHECK(aciq_threshold(AciqDistribution::laplace, steps) ==
          Approx(laplace[static_cast<std::size_t>(bits) - 2]).epsilon(2e-6));
  }
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(aciq_threshold(AciqDistribution::gauss, bad), std::invalid_argument);
}

TEST_CASE("ACIQ finds the width of the distribution", "[threshold]") {
  struct Case {
    AciqDistribution distribution;
    std::vector<float> data;
    float width;
  };
  for (const Case& c : {Case{AciqDistribution::gauss, normal_values(400000, 111, 0.3F), 0.3F},
                        Case{AciqDistribution::laplace, laplace_values(400000, 112, 0.3F), 0.3F}}) {
    const Histogram both = histogram_of(c.data);
    const double two_sided = aciq_threshold(c.distribution, 127) * c.width;
    const Range s = threshold_aciq(both, kInt8, Scheme::symmetric, c.distribution);
    CHECK(s.max == Approx(two_sided).epsilon(0.01));
    CHECK(s.min == -s.max);
    // Zeros change nothing, and the folded distribution has the same width with twice the steps.
    std::vector<float> positive = relu(c.data);
    positive.resize(positive.size() * 2, 0.0F);
    const double one_sided = aciq_threshold(c.distribution, 255) * c.width;
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
      const Histogram h = histogram_of(positive);
      const Range r = threshold_aciq(h, kUint8, scheme, c.distribution);
      CHECK(r.min == 0.0F);
      CHECK(r.max == Approx(std::min<double>(one_sided, h.range().max)).epsilon(0.01));
    }
    // About the mean, where the zero point is free.
    std::vector<float> shifted = c.data;
    for (float& v : shifted) v += 0.2F;
    const double centred = aciq_threshold(c.distribution, 127.5) * c.width;
    const Histogram moved = histogram_of(shifted);
    const Range a = threshold_aciq(moved, kUint8, Scheme::asymmetric, c.distribution);
    CHECK(a.max == Approx(std::min<double>(0.2 + centred, moved.range().max)).epsilon(0.01));
    CHECK(a.min == Approx(std::max<double>(0.2 - centred, moved.range().min)).epsilon(0.01));
  }
}

TEST_CASE("one outlier hardly moves the width that ACIQ sees", "[threshold]") {
  // ncnn estimates the deviation from the largest magnitude alone: there the threshold follows the outlier.
  std::vector<float> data = normal_values(400000, 113);
  const float before =
      threshold_aciq(histogram_of(data), kInt8, Scheme::symmetric, AciqDistribution::gauss).max;
  data[0] = 100.0F;
  const float after =
      threshold_aciq(histogram_of(data), kInt8, Scheme::symmetric, AciqDistribution::gauss).max;
  CHECK(after == Approx(before).epsilon(0.02));
}

TEST_CASE("OCTAV ends where its objective is least", "[threshold]") {
  std::vector<float> outlier = normal_values(20000, 114);
  outlier[3] = 40.0F;
  std::vector<float> shifted = normal_values(20000, 115);
  for (float& v : shifted) v = 0.5F * v + 0.8F;
  for (const std::vector<float>& data :
       {normal_values(20000, 116), outlier, shifted, relu(laplace_values(20000, 117, 0.4F))}) {
    const Histogram h = histogram_of(data);
    const Range s = threshold_octav(h, kUint8, Scheme::symmetric);
    const double steps = h.has_negative() ? 127 : 255;
    const auto cost = [&](double t) { return octav_cost(data, t, t, t / steps); };
    const double found = cost(s.max);
    for (int k = 1; k <= 60; ++k) CHECK(found <= 1.005 * cost(static_cast<double>(h.range().max) * k / 60.0));

    const Range a = threshold_octav(h, kUint8, Scheme::asymmetric);
    const auto cost2 = [&](double low, double high) {
      return octav_cost(data, low, high, (low + high) / 255);
    };
    const double least = cost2(-static_cast<double>(a.min), a.max);
    for (int i = 0; i <= 12; ++i)
      for (int k = 1; k <= 12; ++k)
        CHECK(least <= 1.005 * cost2(-static_cast<double>(h.range().min) * i / 12.0,
                                     static_cast<double>(h.range().max) * k / 12.0));
  }
}

TEST_CASE("OCTAV in closed form", "[threshold]") {
  // n values at 1 and one at 60: T (n / (12 * 255^2) + 1) = 60 while 1 <= T.
  std::vector<float> data(1000000, 1.0F);
  data[0] = 60.0F;
  const double expected = 60.0 / (1.0 + 999999.0 / (12.0 * 255.0 * 255.0));
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric})
    CHECK(threshold_octav(histogram_of(data), kUint8, scheme).max == Approx(expected).epsilon(1e-3));
  const Histogram h = histogram_of(data);
  CHECK_THROWS_AS(threshold_octav(h, kUint8, Scheme::symmetric, {.iterations = 0}), std::invalid_argument);
  CHECK_THROWS_AS(threshold_octav(h, kUint8, Scheme::symmetric, {.tolerance = -1.0}), std::invalid_argument);
  CHECK_THROWS_AS(threshold_octav(h, Levels{0, 0}, Scheme::symmetric), std::invalid_argument);
}

TEST_CASE("no threshold depends on how the data was divided", "[threshold]") {
  // TensorRT, MXNet and others start a histogram from the range of the first batch.
  std::vector<float> data = normal_values(30000, 118);
  for (std::size_t i = 0; i < 1000; ++i) data[i] = 0.0F;  // the first batch says nothing
  data[29999] = 17.0F;
  const Histogram whole = histogram_of(data);
  Histogram pieces;
  for (std::size_t i = data.size(); i > 0; i -= 1000)
    pieces.merge(histogram_of({data.begin() + static_cast<std::ptrdiff_t>(i - 1000),
                               data.begin() + static_cast<std::ptrdiff_t>(i)}));
  Histogram batches;
  for (std::size_t i = 0; i < data.size(); i += 1000)
    batches.update(std::span<const float>(data).subspan(i, 1000));
  for (const ThresholdMethod& method : threshold_methods()) {
    if (method.needs != ThresholdNeeds::histogram) continue;
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
      CHECK(method.search(whole, kUint8, scheme, {}) == method.search(pieces, kUint8, scheme, {}));
      CHECK(method.search(whole, kUint8, scheme, {}) == method.search(batches, kUint8, scheme, {}));
    }
  }
}
