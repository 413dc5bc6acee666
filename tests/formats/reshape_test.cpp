#include "engine/formats/ir/reshape.h"

#include <limits>

#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

TEST_CASE("the batch of a stated shape follows the input", "[reshape]") {
  using Ints = std::vector<std::int64_t>;
  CHECK(ir::fit_batch({1, 12}, {4, 3, 4}) == Ints{4, 12});
  CHECK(ir::fit_batch({1, 0, 4}, {4, 3, 4}) == Ints{4, 3, 4});
  CHECK(ir::fit_batch({1, -1}, {4, 3, 4}) == Ints{1, -1});
  CHECK(ir::fit_batch({1, 5}, {4, 3, 4}) == Ints{1, 5});
  CHECK(ir::fit_batch({}, {4, 3, 4}).empty());
}

TEST_CASE("stated shapes beyond all bounds stay as they are", "[reshape]") {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max(), large = std::int64_t{1} << 39;
  const Shape input{4, 3};
  for (const std::vector<std::int64_t>& target :
       {std::vector<std::int64_t>{1, most}, {1, large, most}, {1, large, large}, {most, large}, {most, 5}})
    CHECK(ir::fit_batch(target, input) == target);
}
