// The methods that look at images and not at values.

#include <algorithm>
#include <limits>
#include <refcalib/threshold.hpp>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::Approx;

namespace {

/// A histogram that has seen the ends of all ranges.
Histogram histogram_of(const std::vector<Range>& images) {
  Histogram h;
  for (const Range& r : images) {
    const std::vector<float> ends{r.min, r.max};
    h.update(std::span<const float>(ends));
  }
  return h;
}

/// Image i of 1 to n has the range [-i, 2 i].
std::vector<Range> ramp(int n) {
  std::vector<Range> images;
  for (int i = 1; i <= n; ++i) images.push_back({-static_cast<float>(i), 2.0F * static_cast<float>(i)});
  return images;
}

}  // namespace

TEST_CASE("the mean of the extremes, whatever the order of the images", "[threshold]") {
  std::vector<Range> images = ramp(100);
  const Histogram h = histogram_of(images);
  const auto search = [&](Scheme scheme) { return threshold_mean_minmax({h, {images, {}}}, kUint8, scheme); };
  CHECK(search(Scheme::asymmetric) == Range{-50.5F, 101.0F});
  CHECK(search(Scheme::symmetric) == Range{-101.0F, 101.0F});
  for (std::size_t i = 0; i < images.size(); ++i) images[i].max += 1e-3F * static_cast<float>(i * i % 17);
  const Range before = search(Scheme::asymmetric);
  std::reverse(images.begin(), images.end());
  CHECK(search(Scheme::asymmetric) == before);
  std::rotate(images.begin(), images.begin() + 37, images.end());
  CHECK(search(Scheme::asymmetric) == before);
}

TEST_CASE("one odd image is one of n for the mean", "[threshold]") {
  std::vector<Range> images(99, Range{0.0F, 1.0F});
  images.push_back({0.0F, 101.0F});
  CHECK(threshold_mean_minmax({histogram_of(images), {images, {}}}, kUint8, Scheme::asymmetric) ==
        Range{0.0F, 2.0F});
}

TEST_CASE("the moving average follows the order of the images", "[threshold]") {
  const std::vector<Range> images{{-1.0F, 10.0F}, {-3.0F, 20.0F}, {0.0F, 0.0F}};
  const Histogram h = histogram_of(images);
  const ThresholdInput in(h, {images, {}});
  // 10, 10 + 0.5 * 10 = 15, 15 - 0.5 * 15 = 7.5; low: 1, 2, 1.
  CHECK(threshold_moving_average(in, kUint8, Scheme::asymmetric, {0.5}) == Range{-1.0F, 7.5F});
  CHECK(threshold_moving_average(in, kUint8, Scheme::symmetric, {0.5}) == Range{-7.5F, 7.5F});
  CHECK(threshold_moving_average(in, kUint8, Scheme::asymmetric, {1.0}) == Range{0.0F, 0.0F});
  CHECK(MovingAverageOptions{}.constant == 0.01);
  const Range slow = threshold_moving_average(in, kUint8, Scheme::asymmetric);
  CHECK(slow.max == Approx((10.0 + 0.1) * 0.99).epsilon(1e-6));
  for (const double bad : {0.0, -0.1, 1.5, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(threshold_moving_average(in, kUint8, Scheme::symmetric, {bad}), std::invalid_argument);
}

TEST_CASE("percentiles over images as the 2019 tool took them", "[threshold]") {
  // take = floor(n t / 100), drop = n - take: the take-th smallest maximum, the (drop + 1)-th smallest minimum.
  for (const int n : {1, 2, 7, 100, 200, 1000}) {
    const std::vector<Range> images = ramp(n);
    const Histogram h = histogram_of(images);
    for (const double t : image_percentile_candidates()) {
      const int take = std::max(1, static_cast<int>(n * t / 100.0 + 1e-9));
      const Range r = threshold_image_percentile({h, {images, {}}}, kUint8, Scheme::asymmetric,
                                                 {.percent = t, .interpolate = false});
      INFO("n " << n << " t " << t);
      CHECK(r.max == 2.0F * static_cast<float>(take));
      CHECK(r.min == -static_cast<float>(take));
    }
  }
  CHECK(image_percentile_candidates().size() == 11);
  CHECK(image_percentile_candidates().back() == 95.0);
  CHECK_THROWS_AS(image_percentile_candidates(100, 95, 0), std::invalid_argument);
}

TEST_CASE("with few images a percentile is not a whole image", "[threshold]") {
  // Of fewer than 200 images the first step of the 2019 tool threw one away.
  std::vector<Range> images(99, Range{0.0F, 1.0F});
  images.push_back({0.0F, 2.0F});
  const Histogram h = histogram_of(images);
  const ThresholdInput in(h, {images, {}});
  CHECK(threshold_image_percentile(in, kUint8, Scheme::asymmetric, {99.5, false}).max == 1.0F);
  CHECK(threshold_image_percentile(in, kUint8, Scheme::asymmetric, {99.5, true}).max == Approx(1.505));
  CHECK(threshold_image_percentile(in, kUint8, Scheme::asymmetric, {}).max == Approx(1.505));
  CHECK(threshold_image_percentile(in, kUint8, Scheme::asymmetric, {100.0, true}).max == 2.0F);
}

TEST_CASE("percentiles over images by channel", "[threshold]") {
  // Channel 0 has its outlier in the first image, channel 1 in the second: the tensor has two odd images, each
  // channel one.
  const std::vector<Range> channels{{0, 9}, {0, 1}, {0, 1}, {0, 9}, {0, 1}, {0, 1}, {0, 1}, {0, 1}};
  const std::vector<Range> images{{0, 9}, {0, 9}, {0, 1}, {0, 1}};
  const Histogram h = histogram_of(images);
  const ImagePercentileOptions options{.percent = 75.0, .interpolate = false};
  CHECK(threshold_image_percentile({h, {images, channels}}, kUint8, Scheme::asymmetric, options).max == 1.0F);
  CHECK(threshold_image_percentile({h, {images, {}}}, kUint8, Scheme::asymmetric, options).max == 9.0F);
  const std::vector<Range> torn(channels.begin(), channels.begin() + 7);
  CHECK_THROWS_AS(threshold_image_percentile({h, {images, torn}}, kUint8, Scheme::asymmetric, options),
                  std::invalid_argument);
}

TEST_CASE("values that are all negative have a negative maximum", "[threshold]") {
  // The 2018 collector began with the smallest positive float as its maximum.
  const std::vector<Range> images{{-4.0F, -2.0F}, {-3.0F, -1.0F}};
  const Histogram h = histogram_of(images);
  for (const ThresholdMethod& method : threshold_methods()) {
    if (method.needs == ThresholdNeeds::histogram) continue;
    const Range r = method.search({h, {images, {}}}, kUint8, Scheme::asymmetric, {});
    INFO(method.name);
    CHECK(r.max == 0.0F);
    CHECK(r.min <= -3.0F);
    const Range s = method.search({h, {images, {}}}, kUint8, Scheme::symmetric, {});
    CHECK(s.max == -s.min);
  }
}

TEST_CASE("methods that need images say so when there are none", "[threshold]") {
  const Histogram h = histogram_of(ramp(3));
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<Range> nothing_finite{{inf, -inf}, {inf, -inf}};
  for (const ThresholdMethod& method : threshold_methods()) {
    if (method.needs == ThresholdNeeds::histogram) continue;
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
      INFO(method.name);
      CHECK_THROWS_WITH(method.search(h, kUint8, scheme, {}),
                        Catch::Contains("needs the extremes of every image"));
      CHECK_THROWS_AS(method.search({h, {nothing_finite, {}}}, kUint8, scheme, {}), std::invalid_argument);
      CHECK(method.search(Histogram(), kUint8, scheme, {}) == Range{0, 0});
      CHECK(method.search({Histogram(), {nothing_finite, {}}}, kUint8, scheme, {}) == Range{0, 0});
    }
  }
}

TEST_CASE("images without a finite value are skipped", "[threshold]") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<Range> images{{-1, 2}, {inf, -inf}, {-1, 2}};
  const Histogram h = histogram_of({{-1, 2}});
  for (const ThresholdMethod& method : threshold_methods()) {
    if (method.needs == ThresholdNeeds::histogram) continue;
    CHECK(method.search({h, {images, {}}}, kUint8, Scheme::asymmetric, {}) == Range{-1, 2});
  }
}
