#include <limits>
#include <refcalib/threshold.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::kAllLevels;
using refcalib_test::normal_values;
using refcalib_test::relu;

namespace {

Histogram histogram_of(const std::vector<float>& x) {
  Histogram h;
  h.update(std::span<const float>(x));
  return h;
}

}  // namespace

TEST_CASE("the table holds the documented methods under unique names", "[threshold]") {
  std::set<std::string_view> names;
  for (const ThresholdMethod& method : threshold_methods()) {
    CHECK(names.insert(method.name).second);
    CHECK(find_threshold_method(method.name).search == method.search);
  }
  CHECK(names == std::set<std::string_view>{"minmax", "mean-minmax", "moving-average", "percentile",
                                            "image-percentile", "kl", "mse", "aciq-gauss", "aciq-laplace",
                                            "octav"});
}

TEST_CASE("an unknown method is named together with the known ones", "[threshold]") {
  for (const char* unknown : {"entropy", "", "KL", "minmax "}) {
    try {
      (void)find_threshold_method(unknown);
      FAIL("accepted");
    } catch (const std::invalid_argument& error) {
      CHECK(std::string(error.what()) == "unknown threshold method \"" + std::string(unknown) +
                                             "\"; known: minmax, mean-minmax, moving-average, percentile, "
                                             "image-percentile, kl, mse, aciq-gauss, aciq-laplace, octav");
    }
  }
}

TEST_CASE("every method gives usable parameters for every kind of data", "[threshold]") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> broken = normal_values(1000, 101);
  broken[3] = nan;
  broken[4] = inf;
  broken[5] = -inf;
  std::vector<float> negative = relu(normal_values(1000, 102));
  for (float& v : negative) v = -v;
  const std::vector<std::vector<float>> sets{
      {},
      {0.0F, 0.0F},
      {nan, inf},
      {3.5F},
      {-3.5F},
      {std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()},
      {1e-45F},
      normal_values(1000, 103),
      relu(normal_values(1000, 104)),
      negative,
      broken};
  for (const std::vector<float>& data : sets) {
    const Histogram h = histogram_of(data);
    const Range seen = widen_to_zero(h.range());
    for (const ThresholdMethod& method : threshold_methods()) {
      for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
        for (const Levels& levels :
             {kUint8, kInt8, kInt8Narrow, refcalib::levels(4, Signedness::is_unsigned)}) {
          INFO(method.name << " values " << data.size() << " range " << seen.min << " " << seen.max);
          const Range image = h.range();
          const ThresholdInput input(h, {std::span(&image, 1), {}});
          const Range r = method.search(input, levels, scheme, {});
          CHECK_NOTHROW(check(r));
          CHECK(r.min <= 0.0F);
          CHECK(r.max >= 0.0F);
          CHECK_NOTHROW(check(choose_params(input, levels, scheme, method)));
          if (h.count() > h.zero_count()) CHECK(std::max(-r.min, r.max) > 0.0F);
          if (scheme == Scheme::symmetric) CHECK((r.min == -r.max || (r.min == 0.0F && !h.has_negative())));
        }
      }
    }
  }
}

TEST_CASE("NaN and infinities change no threshold", "[threshold]") {
  const std::vector<float> clean = normal_values(20000, 105);
  std::vector<float> dirty = clean;
  for (int i = 0; i < 50; ++i) {
    dirty.insert(dirty.begin() + 100 * i, std::numeric_limits<float>::quiet_NaN());
    dirty.insert(dirty.begin() + 130 * i, i % 2 == 0 ? std::numeric_limits<float>::infinity()
                                                     : -std::numeric_limits<float>::infinity());
  }
  for (const ThresholdMethod& method : threshold_methods()) {
    if (method.needs != ThresholdNeeds::histogram) continue;
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
      CHECK(method.search(histogram_of(dirty), kUint8, scheme, {}) ==
            method.search(histogram_of(clean), kUint8, scheme, {}));
    }
  }
}

TEST_CASE("options reach their methods", "[threshold]") {
  const Histogram h = histogram_of(normal_values(50000, 106));
  ThresholdOptions narrow;
  narrow.percentile.percent = 50.0;
  const Range half = find_threshold_method("percentile").search(h, kInt8, Scheme::symmetric, narrow);
  const Range usual = find_threshold_method("percentile").search(h, kInt8, Scheme::symmetric, {});
  CHECK(half.max < usual.max);
  // One set of options for each parameter, and what it must change.
  struct Case {
    const char* method;
    Scheme scheme;
    ThresholdOptions options;
  };
  std::vector<Case> cases;
  const auto changed = [&](const char* method, Scheme scheme, const auto& change) {
    cases.push_back({method, scheme, {}});
    change(cases.back().options);
  };
  changed("kl", Scheme::symmetric, [](ThresholdOptions& o) { o.kl.bins = 256; });
  changed("kl", Scheme::symmetric, [](ThresholdOptions& o) { o.kl.levels = 512; });
  changed("mse", Scheme::symmetric, [](ThresholdOptions& o) { o.mse.step = 1000; });
  changed("mse", Scheme::asymmetric, [](ThresholdOptions& o) { o.mse.scales = 3; });
  changed("octav", Scheme::symmetric, [](ThresholdOptions& o) { o.octav.iterations = 1; });
  changed("octav", Scheme::symmetric, [](ThresholdOptions& o) { o.octav.tolerance = 10; });
  changed("moving-average", Scheme::asymmetric, [](ThresholdOptions& o) { o.moving_average.constant = 0.5; });
  changed("image-percentile", Scheme::asymmetric,
          [](ThresholdOptions& o) { o.image_percentile.percent = 50; });
  changed("image-percentile", Scheme::asymmetric,
          [](ThresholdOptions& o) { o.image_percentile.interpolate = false; });
  const std::vector<Range> images{{-1.0F, 1.0F}, {-2.0F, 3.0F}, {-4.0F, 2.0F}};
  const ThresholdInput input(h, {images, {}});
  for (const Case& c : cases) {
    const ThresholdMethod& method = find_threshold_method(c.method);
    INFO(c.method);
    CHECK_FALSE(method.search(input, kInt8, c.scheme, c.options) ==
                method.search(input, kInt8, c.scheme, {}));
  }
  ThresholdOptions bad;
  bad.kl.bins = 5;
  CHECK_THROWS_AS(find_threshold_method("kl").search(h, kInt8, Scheme::symmetric, bad),
                  std::invalid_argument);
  bad.mse.scales = 0;
  CHECK_THROWS_AS(find_threshold_method("mse").search(h, kInt8, Scheme::symmetric, bad),
                  std::invalid_argument);
}
