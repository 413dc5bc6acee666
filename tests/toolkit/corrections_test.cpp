#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <refcalib/bias_correction.hpp>
#include <refcalib/channel_alignment.hpp>
#include <refcalib/equalization.hpp>
#include <refcalib/per_channel.hpp>
#include <refcalib/rounding.hpp>
#include <refcalib/saturation.hpp>
#include <refcalib/smooth_quant.hpp>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::Approx;
using refcalib_test::normal_values;

namespace {

std::vector<double> doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

/// Largest magnitude of each row of [rows][columns], or of each column.
std::vector<double> largest(const std::vector<double>& w, std::size_t rows, bool of_rows) {
  const std::size_t columns = w.size() / rows;
  std::vector<double> result(of_rows ? rows : columns, 0.0);
  for (std::size_t i = 0; i < w.size(); ++i) {
    double& top = result[of_rows ? i / columns : i % columns];
    top = std::max(top, std::fabs(w[i]));
  }
  return result;
}

/// [outputs][inputs] times a vector, plus a bias.
std::vector<double> product(const std::vector<double>& w, const std::vector<double>& x,
                            const std::vector<double>& bias) {
  std::vector<double> y = bias;
  for (std::size_t o = 0; o < y.size(); ++o)
    for (std::size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
  return y;
}

std::vector<double> relu(std::vector<double> x) {
  for (double& v : x) v = std::max(0.0, v);
  return x;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double top = 0;
  for (std::size_t i = 0; i < a.size(); ++i) top = std::max(top, std::fabs(a[i] - b[i]));
  return top;
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("equalized pairs have equal ranges and compute the same", "[equalization]") {
  constexpr std::size_t inputs = 7, channels = 5, outputs = 4;
  std::vector<double> w1 = doubles(normal_values(channels * inputs, 1)),
                      w2 = doubles(normal_values(outputs * channels, 2));
  const std::vector<double> sizes = {1, 1000, 1e-3, 30, 0.5};
  for (std::size_t i = 0; i < w1.size(); ++i) w1[i] *= sizes[i / inputs];
  const std::vector<double> b1 = {0.5, -300, 0, 2, -0.1}, b2 = {1, 2, 3, 4},
                            x = doubles(normal_values(inputs, 3));
  const std::vector<double> before = product(w2, relu(product(w1, x, b1)), b2);

  const std::vector<double> s = equalize_pair(largest(w1, channels, true), largest(w2, outputs, false));
  std::vector<double> scaled1 = w1, scaled2 = w2, bias = b1;
  for (std::size_t i = 0; i < w1.size(); ++i) scaled1[i] /= s[i / inputs];
  for (std::size_t i = 0; i < w2.size(); ++i) scaled2[i] *= s[i % channels];
  for (std::size_t i = 0; i < channels; ++i) bias[i] /= s[i];

  const auto first = largest(scaled1, channels, true), second = largest(scaled2, outputs, false);
  for (std::size_t i = 0; i < channels; ++i) CHECK(first[i] == Approx(second[i]));
  CHECK(largest_difference(product(scaled2, relu(product(scaled1, x, bias)), b2), before) < 1e-9);
}

TEST_CASE("equalized triples have equal ranges", "[equalization]") {
  const std::vector<double> first = {1, 8, 1e-6}, middle = {27, 1, 1e3}, last = {1e-3, 64, 10};
  const TripleFactors s = equalize_triple(first, middle, last);
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double r = std::cbrt(first[i] * middle[i] * last[i]);
    CHECK(first[i] / s.before[i] == Approx(r));
    CHECK(middle[i] * s.before[i] / s.behind[i] == Approx(r));
    CHECK(last[i] * s.behind[i] == Approx(r));
  }
}

TEST_CASE("dead channels and broken ranges keep the factor 1", "[equalization]") {
  const std::vector<double> odd = {0, kInfinity, std::nan(""), -1, 4}, fine = {1, 1, 1, 1, 1};
  CHECK(equalize_pair(odd, fine) == std::vector<double>{1, 1, 1, 1, 2});
  CHECK(equalize_pair(fine, odd) == std::vector<double>{1, 1, 1, 1, 0.5});
  const TripleFactors triple = equalize_triple(fine, odd, fine);
  CHECK(std::count(triple.before.begin(), triple.before.end(), 1.0) == 4);
  CHECK(equalize_ranges(odd, 1) == std::vector<double>{1, 1, 1, 1, 1});
  CHECK_THROWS_AS(equalize_pair(odd, std::vector<double>{1}), std::invalid_argument);
  CHECK_THROWS_AS(equalize_triple(fine, fine, std::vector<double>{1}), std::invalid_argument);
}

TEST_CASE("channels of two layers with one scale each get the same share of it, but dead ones do not count",
          "[equalization]") {
  const std::vector<FactorBounds> free(4, {1e-6, 1e6});
  // Both layers flat: s[i] proportional to sqrt(first / second), here with a known solution.
  const std::vector<double> first = {8, 4, 2, 1}, second = {1, 0.5, 4, 2};
  const std::vector<double> s = equalize_shared(first, second, free);
  for (std::size_t i = 0; i < s.size(); ++i)
    CHECK((first[i] / s[i]) / (second[i] * s[i]) == Approx((first[0] / s[0]) / (second[0] * s[0])));
  // A filter behind a channel without weights: 56 beside 3, as in MobileNetV2. It takes a sixteenth of what the others need.
  const std::vector<double> dead = {0, 2, 2, 2}, filters = {56, 3, 3, 3};
  const std::vector<double> shrunk = equalize_shared(dead, filters, free);
  CHECK(56 * shrunk[0] == Approx(3.0 / 16));
  for (std::size_t i = 1; i < 4; ++i) CHECK(shrunk[i] == Approx(1.0));
  // Nobody reads the first channel: its weights shrink.
  const std::vector<double> unread = equalize_shared(filters, dead, free);
  CHECK(56 / unread[0] == Approx(3.0 / 16));
  // Bounds hold, broken ranges stay.
  const std::vector<FactorBounds> bounds = {{1, 1}, {0.5, 2}, {0.9, 1}, {1, 1}};
  const std::vector<double> bounded =
      equalize_shared(std::vector<double>{8, 64, 1e-3, kInfinity}, std::vector<double>{1, 1, 1, 1}, bounds);
  CHECK(bounded == std::vector<double>{1, 1, 0.9, 1});
  CHECK_THROWS_AS(equalize_shared(first, std::vector<double>{1}, free), std::invalid_argument);
  CHECK_THROWS_AS(equalize_shared(first, second, std::vector<FactorBounds>{}), std::invalid_argument);
}

TEST_CASE("evened out ranges stay below the largest", "[equalization]") {
  const std::vector<double> ranges = {6, 1.5, 0.06, 6e-9};
  for (const double strength : {0.0, 0.25, 0.5, 1.0}) {
    const std::vector<double> s = equalize_ranges(ranges, strength);
    CHECK(s[0] == 1.0);
    for (std::size_t i = 0; i < s.size(); ++i) {
      CHECK(s[i] <= 1.0);
      CHECK(s[i] >= 1.0 / 256);
      CHECK(ranges[i] / s[i] <= 6.0 * (1 + 1e-12));
    }
    CHECK(s[1] == Approx(std::pow(0.25, strength)));
  }
}

TEST_CASE("the noise that rounding promises is the noise that it makes", "[equalization]") {
  constexpr std::size_t outputs = 40, channels = 6, area = 1, samples = 4000;
  const std::vector<double> w = doubles(normal_values(outputs * channels, 11, 0.4F)),
                            deviations = {0.1, 3, 0.5, 1, 0.02, 2}, factors = {0.3, 1, 0.5, 0.6, 0.25, 1};
  const std::vector<double> step(channels, 0.05);
  std::vector<double> x(samples * channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const auto values = normal_values(samples, 20 + static_cast<unsigned>(c));
    for (std::size_t i = 0; i < samples; ++i)
      x[i * channels + c] = deviations[c] * static_cast<double>(values[i]);
  }
  double signal = 0, noise = 0;
  for (std::size_t o = 0; o < outputs; ++o) {
    double top = 0;
    for (std::size_t c = 0; c < channels; ++c)
      top = std::max(top, std::fabs(w[o * channels + c]) * factors[c]);
    const double weight_step = top / 127;
    for (std::size_t i = 0; i < samples; ++i) {
      double exact = 0, rounded = 0;
      for (std::size_t c = 0; c < channels; ++c) {
        const double v = x[i * channels + c], weight = w[o * channels + c];
        exact += weight * v;
        rounded += std::nearbyint(weight * factors[c] / weight_step) * weight_step *
                   std::nearbyint(v / factors[c] / step[c]) * step[c];
      }
      signal += exact * exact;
      noise += (exact - rounded) * (exact - rounded);
    }
  }
  CHECK(rounding_noise(w, outputs, factors, step, deviations) == Approx(noise / signal).epsilon(0.15));
  CHECK(rounding_noise(w, outputs, factors, step, std::vector<double>(channels, 0.0)) == 0);
  CHECK_THROWS_AS(rounding_noise(w, outputs, factors, std::vector<double>(area, 0.0), deviations),
                  std::invalid_argument);
  CHECK_THROWS_AS(rounding_noise(w, 7, factors, step, deviations), std::invalid_argument);
}

TEST_CASE("an absorbed bias moves behind the ReLU without a trace", "[equalization]") {
  const std::vector<double> w1 = {1, -2, 0.5, 1}, b1 = {40, 1}, w2 = {3, -1, 2, 5}, b2 = {0.5, -0.5};
  std::vector<std::vector<double>> inputs;
  std::vector<double> lowest = {kInfinity, kInfinity};
  for (unsigned seed = 0; seed < 50; ++seed) {
    inputs.push_back(doubles(normal_values(2, seed + 1)));
    const std::vector<double> y = product(w1, inputs.back(), b1);
    for (std::size_t i = 0; i < 2; ++i) lowest[i] = std::min(lowest[i], y[i]);
  }
  const std::vector<double> c = absorbed_bias(lowest);
  CHECK(c[0] > 0);
  CHECK(c[1] == 0);  // this channel falls below zero
  std::vector<double> less = b1;
  for (std::size_t i = 0; i < 2; ++i) less[i] -= c[i];
  const std::vector<double> more = moved_by_inputs(w2, c, 2);
  for (const auto& x : inputs) {
    const std::vector<double> before = product(w2, relu(product(w1, x, b1)), b2);
    std::vector<double> after = product(w2, relu(product(w1, x, less)), b2);
    for (std::size_t o = 0; o < 2; ++o) after[o] += more[o];
    CHECK(largest_difference(before, after) < 1e-12);
  }
  CHECK(absorbed_bias(std::vector<double>{5, 1}, std::vector<double>{1, 2}) == std::vector<double>{2, 0});
  CHECK(absorbed_bias(std::vector<double>{kInfinity}) == std::vector<double>{0});
}

TEST_CASE("aligned channels are centred", "[alignment]") {
  const std::vector<double> low = {-1, 2, -kInfinity, 1e308}, high = {3, 4, 0, 1.6e308};
  CHECK(alignment_shifts(low, high) == std::vector<double>{1, 3, 0, 1.3e308});
  CHECK_THROWS_AS(alignment_shifts(std::vector<double>{1}, std::vector<double>{0}), std::invalid_argument);
  CHECK_THROWS_AS(alignment_shifts(low, std::vector<double>{1}), std::invalid_argument);
  // Two inputs of area 3.
  CHECK(moved_by_inputs(std::vector<double>{1, 1, 1, 2, 2, 2}, std::vector<double>{10, 1}, 1) ==
        std::vector<double>{36});
  CHECK_THROWS_AS(moved_by_inputs(std::vector<double>{1, 2, 3}, std::vector<double>{1, 1}, 1),
                  std::invalid_argument);
}

TEST_CASE("smooth scales move spread from activations to weights", "[smooth_quant]") {
  const std::vector<double> x = {100, 1, 0, 4}, w = {1, 4, 2, 0};
  CHECK(smooth_scales(x, w) == std::vector<double>{10, 0.5, 1, 1});
  CHECK(smooth_scales(x, w, 1) == std::vector<double>{100, 1, 1, 1});
  CHECK(smooth_scales(x, w, 0)[1] == Approx(0.25));
  // With 0.5 both sides become sqrt(x * w).
  const std::vector<double> s = smooth_scales(x, w);
  CHECK(x[0] / s[0] == Approx(w[0] * s[0]));
  CHECK_THROWS_AS(smooth_scales(x, w, 1.5), std::invalid_argument);
  CHECK_THROWS_AS(smooth_scales(x, std::vector<double>{1}), std::invalid_argument);
}

TEST_CASE("corrected biases restore mean outputs", "[bias_correction]") {
  const std::vector<double> w = {0.4, -1.3, 2.2, 0.9}, q = {0.5, -1.25, 2.25, 1.0}, reference = {3, 1},
                            actual = {2.75, 1.5};
  const std::vector<double> zero = {0, 0};  // a bias of zero is corrected too
  CHECK(largest_difference(product(q, reference, corrected_bias(zero, w, q, reference)),
                           product(w, reference, zero)) < 1e-12);
  CHECK(largest_difference(product(q, actual, corrected_bias(zero, w, q, reference, actual)),
                           product(w, reference, zero)) < 1e-12);
  CHECK_THROWS_AS(corrected_bias(zero, w, q, std::vector<double>{1}), std::invalid_argument);
  CHECK_THROWS_AS(corrected_bias(zero, w, q, reference, std::vector<double>{1}), std::invalid_argument);
}

TEST_CASE("Cholesky solves positive definite systems and refuses others", "[rounding]") {
  const std::vector<double> matrix = {4, 2, 0.5, 2, 5, 1, 0.5, 1, 3}, x = {1, -2, 3};
  std::vector<double> right = product(matrix, x, {0, 0, 0});
  Cholesky(matrix, 3).solve(right);
  CHECK(largest_difference(right, x) < 1e-12);
  CHECK_THROWS_AS(Cholesky(std::vector<double>{1, 2, 2, 1}, 2), std::invalid_argument);
  CHECK_THROWS_AS(Cholesky(matrix, 2), std::invalid_argument);
}

TEST_CASE("rounding in a metric is never worse than to the nearest, and finds known optima", "[rounding]") {
  // Two equal inputs: 0.4 + 0.4 is 1 + 0, not 0 + 0.
  const std::vector<double> same = {1.001, 1, 1, 1.001}, both = {0.4, 0.4};
  const std::vector<int> q = round_in_metric(same, both, std::vector<double>{1, 1}, 127);
  CHECK(q[0] + q[1] == 1);
  // Independent inputs: the nearest integers are the optimum.
  CHECK(round_in_metric(std::vector<double>{1, 0, 0, 9}, both, std::vector<double>{1, 0.5}, 127) ==
        std::vector<int>{0, 1});
  // Clamped, and fixed.
  CHECK(round_in_metric(std::vector<double>{1}, std::vector<double>{1000}, std::vector<double>{1}, 127) ==
        std::vector<int>{127});
  CHECK(round_in_metric(same, both, std::vector<double>{1, 1}, 127, 8, {true, true}) ==
        std::vector<int>{0, 0});
  CHECK(round_in_metric(same, both, std::vector<double>{1, 1}, 127, 8, {true, true},
                        std::vector<int>{3, 4}) == std::vector<int>{3, 4});
  // The nearest plane: the first coordinate makes up for the second, unless it is fixed.
  const Cholesky factor(same, 2);
  CHECK(round_to_nearest_plane(factor, both, std::vector<double>{1, 1}, 127) == std::vector<int>{1, 0});
  CHECK(round_to_nearest_plane(factor, both, std::vector<double>{1, 1}, 127, {true, false}) ==
        std::vector<int>{0, 0});
  CHECK(round_to_nearest_plane(factor, std::vector<double>{1000, 0}, std::vector<double>{1, 1}, 127) ==
        std::vector<int>{127, 0});
  CHECK(round_to_nearest_plane(Cholesky(std::vector<double>{1, 0, 0, 9}, 2), both,
                               std::vector<double>{1, 0.5}, 127) == std::vector<int>{0, 1});

  constexpr std::size_t n = 4, rows = 9;
  double nearest_total = 0, chosen_total = 0, plane_total = 0, best_total = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const std::vector<double> x = doubles(normal_values(rows * n, seed)),
                              t = doubles(normal_values(n, seed + 100));
    std::vector<double> metric(n * n, 0.0);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)  // inputs that share much
          metric[i * n + j] += (x[r * n + i] + 3 * x[r * n]) * (x[r * n + j] + 3 * x[r * n]);
    for (std::size_t i = 0; i < n; ++i) metric[i * n + i] += 0.01;
    const std::vector<double> steps = {0.3, 0.3, 0.3, 0.3};
    const auto error = [&](const std::vector<int>& integers) {
      std::vector<double> difference(n);
      for (std::size_t i = 0; i < n; ++i) difference[i] = integers[i] * steps[i] - t[i];
      return quadratic_error(metric, difference);
    };
    const double nearest = error(round_in_metric(metric, t, steps, 127, 0)),
                 chosen = error(round_in_metric(metric, t, steps, 127));
    CHECK(chosen <= nearest * (1 + 1e-9));
    const std::vector<int> on_plane = round_to_nearest_plane(Cholesky(metric, n), t, steps, 127);
    CHECK(error(round_in_metric(metric, t, steps, 127, 8, {}, on_plane)) <= error(on_plane) * (1 + 1e-9));
    plane_total += error(on_plane);
    // All integers within two of the nearest.
    double best = nearest;
    const std::vector<int> start = round_in_metric(metric, t, steps, 127, 0);
    for (int code = 0; code < 625; ++code) {
      std::vector<int> tried = start;
      for (int i = 0, rest = code; i < static_cast<int>(n); ++i, rest /= 5)
        tried[static_cast<std::size_t>(i)] += rest % 5 - 2;
      best = std::min(best, error(tried));
    }
    nearest_total += nearest;
    chosen_total += chosen;
    best_total += best;
  }
  INFO("nearest " << nearest_total << ", chosen " << chosen_total << ", plane " << plane_total << ", best "
                  << best_total);
  CHECK(chosen_total < 0.6 * nearest_total);
  CHECK(plane_total < 0.6 * nearest_total);
  CHECK(best_total <= chosen_total * (1 + 1e-9));
  CHECK_THROWS_AS(round_to_nearest_plane(factor, both, std::vector<double>{1}, 127), std::invalid_argument);
  CHECK_THROWS_AS(round_in_metric(same, both, std::vector<double>{1, 1}, 127, 8, {}, std::vector<int>{1}),
                  std::invalid_argument);
  CHECK_THROWS_AS(round_in_metric(same, both, std::vector<double>{1}, 127), std::invalid_argument);
}

TEST_CASE("7-bit weights cannot saturate pair sums, 8-bit ones can", "[saturation]") {
  CHECK(pairs_can_saturate(std::vector<std::int8_t>{127, 127}));
  CHECK(pairs_can_saturate(std::vector<std::int8_t>{1, -127, -127, -2}));
  CHECK_FALSE(pairs_can_saturate(std::vector<std::int8_t>{127, -127}));       // they do not add up
  CHECK_FALSE(pairs_can_saturate(std::vector<std::int8_t>{0, 127, 127, 0}));  // not a pair
  CHECK_FALSE(pairs_can_saturate(std::vector<std::int8_t>{127, 127}, 127));
  CHECK_FALSE(pairs_can_saturate(std::vector<std::int8_t>{127}));
  const std::vector<float> w = {1, 1, -1, -1, 0.9F, 0.95F};
  const QuantizedWeights seven = quantize_weights_per_channel(w, 1, kInt7Narrow),
                         eight = quantize_weights_per_channel(w, 1);
  CHECK_FALSE(pairs_can_saturate(seven.values));
  CHECK(pairs_can_saturate(eight.values));
}
