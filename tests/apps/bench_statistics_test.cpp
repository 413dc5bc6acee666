#include "apps/refcalib/bench_statistics.h"

#include <cmath>

#include "tests/support/catch.hpp"

using namespace refcalib::app;
using refcalib_test::Approx;

TEST_CASE("quantiles interpolate between neighbours", "[statistics]") {
  const std::vector<double> values{1, 2, 3, 4};
  CHECK(quantile(values, 0) == 1);
  CHECK(quantile(values, 1) == 4);
  CHECK(quantile(values, 0.5) == 2.5);
  CHECK(quantile(values, 0.25) == 1.75);
  CHECK(quantile(std::vector<double>{7}, 0.9) == 7);
}

TEST_CASE("nothing and one value", "[statistics]") {
  CHECK(summarize({}).count == 0);
  CHECK(summarize({}).median == 0);
  const Statistics one = summarize({5});
  CHECK(one.count == 1);
  CHECK(one.outliers == 0);
  CHECK(one.median == 5);
  CHECK(one.mean == 5);
  CHECK(one.standard_deviation == 0);
  CHECK(one.p99 == 5);
}

TEST_CASE("the order of measurements does not matter", "[statistics]") {
  const Statistics s = summarize({4, 1, 3, 2, 5});
  CHECK(s.median == 3);
  CHECK(s.min == 1);
  CHECK(s.max == 5);
  CHECK(s.p10 == Approx(1.4));
  CHECK(s.p90 == Approx(4.6));
  CHECK(s.p99 == Approx(4.96));
  CHECK(s.mean == 3);
  CHECK(s.standard_deviation == Approx(std::sqrt(2.5)));
  CHECK(s.outliers == 0);
}

TEST_CASE("values outside Tukey's fences leave mean and deviation, nothing else", "[statistics]") {
  // Quartiles 10.5 and 12: the fences lie at 8.25 and 14.25.
  const Statistics s = summarize({10, 10, 11, 11, 11, 12, 12, 12, 13, 100, 1});
  CHECK(s.count == 11);
  CHECK(s.outliers == 2);
  CHECK(s.mean == Approx(102.0 / 9));
  CHECK(s.min == 1);
  CHECK(s.max == 100);
  CHECK(s.median == 11);
  double squares = 0;
  for (const double x : {10, 10, 11, 11, 11, 12, 12, 12, 13}) squares += (x - 102.0 / 9) * (x - 102.0 / 9);
  CHECK(s.standard_deviation == Approx(std::sqrt(squares / 8)));
}

TEST_CASE("equal values have no spread and no outliers", "[statistics]") {
  const Statistics s = summarize(std::vector<double>(50, 2.5));
  CHECK(s.outliers == 0);
  CHECK(s.mean == 2.5);
  CHECK(s.standard_deviation == 0);
}

TEST_CASE("ratios are taken pair by pair", "[statistics]") {
  CHECK(pairwise_ratios(std::vector<double>{2, 9, 5}, std::vector<double>{1, 3}) ==
        std::vector<double>{2, 3});
  CHECK(pairwise_ratios({}, std::vector<double>{1}).empty());
}
