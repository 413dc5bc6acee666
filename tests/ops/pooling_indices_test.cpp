#include <limits>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

/// The indices, as the floats that a network gives out; the operation reads plain data or, behind an identity, reordered data.
std::vector<float> indices(const Tensor& x, const PoolingIndicesAttributes& a, bool reordered) {
  GraphBuilder b;
  ValueId in = b.input("x", DType::f32, x.shape);
  if (reordered) in = add_identity(b, "pixels", in);
  b.output(b.add1("PoolingIndices", "y", Attributes::of(a), {in}));
  return run_everywhere(b.finish(), {x}).front();
}

/// The window of an output of an ordinary or adaptive pooling, cell by cell, in order.
template <class F>
void for_each_cell(const Shape& x, const PoolingAttributes& a, const Index& at, F f) {
  for_each_index(Shape(x.begin() + 2, x.end()), [&](const Index& p) {
    for (std::size_t d = 0; d < p.size(); ++d) {
      if (!a.bins.empty()) {
        const std::int64_t in = x[d + 2], out = a.bins[d], o = at[d + 2];
        if (p[d] < o * in / out || p[d] * out >= (o + 1) * in) return;
        continue;
      }
      const std::int64_t distance = p[d] - (at[d + 2] * a.strides[d] - a.pads_begin[d]);
      if (distance < 0 || distance % a.dilations[d] != 0 || distance / a.dilations[d] >= a.kernel[d]) return;
    }
    f(p);
  });
}

}  // namespace

TEST_CASE("indices of maxima count the dimensions from an axis on and leave out the padding", "[pooling]") {
  PoolingAttributes dilated = pooling("max", 2, 2, 1, 1), bins;
  dilated.dilations = {2, 3};
  bins.bins = {2, 3};
  struct Case {
    Shape x;
    PoolingAttributes a;
  };
  const Case cases[] = {{{2, 3, 6, 6}, pooling("max", 2, 2, 2)},
                        {{1, 2, 5, 7}, pooling("max", 2, 3, 2, 1)},
                        {{2, 2, 6, 7}, dilated},
                        {{2, 2, 5, 7}, bins},
                        {{2, 3, 9}, pooling("max", 1, 3, 2, 1)},
                        {{2, 2, 3, 4, 5}, pooling("max", 3, 2, 1)}};
  std::uint64_t seed = 3;
  for (const Case& c : cases) {
    // Few different values, so that maxima are often equal: the first one counts.
    Tensor x = random_tensor(c.x, ++seed);
    for (float& v : x.data) v = std::nearbyint(v);
    const auto rank = static_cast<std::int64_t>(c.x.size());
    for (std::int64_t axis = -rank; axis < rank; ++axis)
      for (const char* type : {"i32", "i64"}) {
        INFO(to_string(c.x) << ", axis " << axis << ", " << type);
        const PoolingIndicesAttributes a{c.a, axis, type};
        const auto first = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
        std::vector<float> expected;
        for_each_index(inferred("PoolingIndices", Attributes::of(a), {c.x}), [&](const Index& at) {
          float best = -std::numeric_limits<float>::infinity();
          std::int64_t found = -1;
          for_each_cell(c.x, c.a, at, [&](const Index& p) {
            Index cell{at[0], at[1]};
            cell.insert(cell.end(), p.begin(), p.end());
            if (found >= 0 && value_at(x, cell) <= best) return;
            best = value_at(x, cell);
            found = static_cast<std::int64_t>(
                offset(Shape(c.x.begin() + static_cast<std::ptrdiff_t>(first), c.x.end()),
                       Index(cell.begin() + static_cast<std::ptrdiff_t>(first), cell.end())));
          });
          expected.push_back(static_cast<float>(found));
        });
        CHECK(indices(x, a, false) == expected);
        CHECK(indices(x, a, true) == expected);
      }
  }
}

TEST_CASE("indices skip NaN, and are 0 where there is nothing", "[pooling]") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), low = -std::numeric_limits<float>::infinity();
  const PoolingIndicesAttributes a{pooling("max", 1, 2, 2), 0, "i64"};
  CHECK(indices({{1, 1, 4}, {nan, 1, low, nan}}, a, false) == std::vector<float>{1, 2});
  CHECK(indices({{1, 1, 4}, {nan, nan, nan, low}}, a, false) == std::vector<float>{0, 3});
}

TEST_CASE("indices that do not fit are errors", "[pooling]") {
  const auto wrong = [](const PoolingIndicesAttributes& a) {
    return inferred("PoolingIndices", Attributes::of(a), {{1, 2, 4, 4}});
  };
  CHECK_THROWS_WITH(wrong({pooling("avg", 2, 2), 0, "i64"}), Contains("only maxima have indices"));
  CHECK_THROWS_WITH(wrong({pooling("max", 2, 2), 0, "f32"}), Contains("neither i32 nor i64"));
  CHECK_THROWS_WITH(wrong({pooling("max", 2, 2), 4, "i64"}), Contains("axis 4 is outside"));
}
