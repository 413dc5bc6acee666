#include "engine/calibration/same_class.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::Approx;

TEST_CASE("the expected share of best classes is the share that noise leaves", "[same_class]") {
  constexpr std::size_t samples = 4000, classes = 30;
  std::mt19937 random(7);
  std::normal_distribution<float> score(0, 2);
  for (const float noise : {0.02F, 0.1F, 0.2F}) {
    std::normal_distribution<float> error(0.5F, noise);  // a shift of all classes changes nothing
    SameClass same;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < samples; ++i) {
      std::vector<float> expected(classes), actual;
      for (float& v : expected) v = score(random);
      for (const float v : expected) actual.push_back(v + error(random));
      same.add(expected, actual);
      const auto best = [](const std::vector<float>& v) {
        return std::max_element(v.begin(), v.end()) - v.begin();
      };
      kept += best(expected) == best(actual) ? 1U : 0U;
    }
    INFO("noise " << noise);
    CHECK(same.samples() == samples);
    CHECK(same.deviation() == Approx(noise * std::sqrt(2.0)).epsilon(0.02));
    // A third class may win, too, which is rare while noise is small.
    CHECK(same.expected_share() == Approx(double(kept) / samples).margin(0.03));
  }
}

TEST_CASE("one tie among few samples does not decide what is expected", "[same_class]") {
  SameClass same, tied;
  for (int i = 0; i < 40; ++i) {
    const float margin = 0.1F * static_cast<float>(i + 1), sign = i % 2 == 0 ? 0.01F : -0.01F;
    same.add(std::vector<float>{margin, 0}, std::vector<float>{margin + sign, 0});
    const float other = i == 0 ? 0 : margin;
    tied.add(std::vector<float>{other, 0}, std::vector<float>{other + sign, 0});
  }
  CHECK(same.expected_share() > 0.99);
  CHECK(tied.expected_share() == Approx(same.expected_share()).epsilon(1e-6));
}

TEST_CASE("exact answers keep all classes, and what cannot be compared is left out", "[same_class]") {
  SameClass same;
  CHECK(same.expected_share() == 1);
  CHECK(same.deviation() == 0);
  same.add(std::vector<float>{1, 2, 3}, std::vector<float>{1, 2, 3});
  CHECK(same.expected_share() == 1);
  same.add(std::vector<float>{1}, std::vector<float>{2});
  same.add(std::vector<float>{1, 2}, std::vector<float>{2});
  same.add(std::vector<float>{1, std::numeric_limits<float>::infinity()}, std::vector<float>{2, 1});
  CHECK(same.samples() == 1);
}
