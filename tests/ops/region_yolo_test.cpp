#include "engine/ops/region_yolo.h"

#include <cmath>
#include <limits>

#include "tests/ops/network.h"

using namespace refcalib_test;

namespace {

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

std::vector<float> reference(const RegionYoloAttributes& a, std::int64_t anchors, const Tensor& x) {
  const std::int64_t entries = a.coords + 1 + a.classes;
  const auto result = generate(x.shape, [&](const Index& at) {
    const double v = static_cast<double>(value_at(x, at));
    const std::int64_t entry = at[1] % entries, first = at[1] - entry;
    CHECK(at[1] / entries < anchors);
    if (entry < 2 || entry == a.coords) return logistic(v);
    if (entry < a.coords) return v;
    if (!a.do_softmax) return logistic(v);
    double sum = 0;
    for (std::int64_t c = 0; c < a.classes; ++c)
      sum += std::exp(static_cast<double>(value_at(x, {at[0], first + a.coords + 1 + c, at[2], at[3]})));
    return std::exp(v) / sum;
  });
  return result.data;
}

}  // namespace

TEST_CASE("RegionYolo over anchors, classes and contexts", "[detection]") {
  std::uint64_t seed = 1;
  for (const Context context : kContexts)
    for (const bool softmax : {true, false})
      for (const std::int64_t classes : {1, 3, 20})
        for (const std::int64_t coords : {2, 4}) {
          RegionYoloAttributes a;
          a.classes = classes, a.coords = coords, a.do_softmax = softmax;
          a.num = softmax ? 5 : 9;
          if (!softmax) a.mask = {0, 1, 2};
          const std::int64_t anchors = softmax ? 5 : 3;
          const Tensor x = random_tensor({2, anchors * (coords + 1 + classes), 3, 5}, ++seed, -6, 6);
          const auto y = run_in(context, {x}, [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
            return b.add1("RegionYolo", "y", Attributes::of(a), ids);
          });
          INFO(name_of(context) << ", softmax " << softmax << ", " << classes << " classes");
          CHECK(deviation(y, reference(a, anchors, x)) < 2e-6);
        }
}

TEST_CASE("RegionYolo flattens the dimensions that it is told to", "[detection]") {
  RegionYoloAttributes a;
  a.classes = 3, a.num = 2;
  const auto shape = [&] { return inferred("RegionYolo", Attributes::of(a), {{2, 16, 5, 7}}); };
  CHECK(shape() == Shape({2, 16 * 5 * 7}));
  a.end_axis = 3;
  CHECK(shape() == Shape({2, 16 * 5 * 7}));
  a.end_axis = 2;
  CHECK(shape() == Shape({2, 16 * 5, 7}));
  a.axis = 2, a.end_axis = 3;
  CHECK(shape() == Shape({2, 16, 35}));
  a.do_softmax = false;
  a.mask = {4, 5};
  CHECK(shape() == Shape({2, 16, 5, 7}));
  a.mask = {};
  CHECK(shape() == Shape({2, 16, 5, 7}));
}

TEST_CASE("RegionYolo refuses channels that do not fit", "[detection]") {
  RegionYoloAttributes a;
  a.classes = 3, a.num = 2;
  const auto refused = [](const RegionYoloAttributes& attributes, const Shape& shape) {
    CHECK_THROWS_AS(inferred("RegionYolo", Attributes::of(attributes), {shape}), FormatError);
  };
  refused(a, {1, 15, 5, 5});
  refused(a, {1, 16, 5});
  a.axis = 3, a.end_axis = 1;
  refused(a, {1, 16, 5, 5});
  a.axis = 7;
  refused(a, {1, 16, 5, 5});
  a = {};
  refused(a, {1, 16, 5, 5});
  a.classes = std::int64_t{1} << 62, a.num = 4;
  refused(a, {1, 16, 5, 5});
  a.classes = 3;
  for (const std::int64_t num : {std::int64_t{-4}, std::numeric_limits<std::int64_t>::min()}) {
    a.num = num;
    refused(a, {1, 16, 5, 5});
  }
}
