#include "engine/evaluation/topk.h"

#include <limits>

#include "tests/support/catch.hpp"

using refcalib::engine::top_k;
using refcalib::engine::TopKCount;
using Indices = std::vector<std::size_t>;

TEST_CASE("the best come first, equals by index, NaN last", "[topk]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  CHECK(top_k(std::vector<float>{1, 3, 2}, 2) == Indices{1, 2});
  CHECK(top_k(std::vector<float>{5, 5, 7, 5}, 3) == Indices{2, 0, 1});
  CHECK(top_k(std::vector<float>{nan, -inf, inf, nan}, 9) == Indices{2, 1, 0, 3});
  CHECK(top_k(std::vector<float>{}, 3).empty());
  CHECK(top_k(std::vector<float>{1, 2}, 0).empty());
}

TEST_CASE("hits are counted in percent", "[topk]") {
  TopKCount count;
  CHECK(count.top1_percent() == 0.0);
  const std::vector<float> scores{0, 6, 5, 4, 3, 2, 1};
  for (const std::size_t label : {1U, 2U, 5U, 6U, 99U}) count.add(scores, label);
  CHECK(count.samples == 5);
  CHECK(count.top1_percent() == 20.0);
  CHECK(count.top5_percent() == 60.0);
}
