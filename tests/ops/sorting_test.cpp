#include "engine/ops/sorting.h"

#include <numeric>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

/// Positions along the axis of the best elements of the vector through `at`.
std::vector<std::int64_t> best(const Tensor& x, std::size_t axis, Index at, const TopKAttributes& a) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(x.shape[axis]));
  std::iota(order.begin(), order.end(), 0);
  const auto value = [&](std::int64_t i) {
    at[axis] = i;
    return value_at(x, at);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
    return a.largest ? value(i) > value(j) : value(i) < value(j);
  });
  order.resize(static_cast<std::size_t>(a.k));
  if (!a.sort_by_value) std::sort(order.begin(), order.end());
  return order;
}

struct Case {
  Shape shape;
  std::int64_t axis, k;
};
const Case kCases[] = {{{2, 7, 3, 4}, 1, 1}, {{2, 7, 3, 4}, 1, 3}, {{2, 7, 3, 4}, -1, 4},
                       {{5, 30}, 1, 5},      {{1, 1200}, 1, 1},    {{1, 1200}, -1, 9},
                       {{9}, 0, 9},          {{4, 1}, 1, 1},       {{2, 3, 2, 5, 2}, 3, 2}};

}  // namespace

TEST_CASE("the best elements along an axis and their positions", "[top_k]") {
  std::uint64_t seed = 0;
  for (const Case& c : kCases) {
    Tensor x = random_tensor(c.shape, ++seed, -8, 8);
    // Few different values, so that there are ties.
    for (float& v : x.data) v = std::round(v);
    const auto axis =
        static_cast<std::size_t>(c.axis < 0 ? c.axis + static_cast<std::int64_t>(c.shape.size()) : c.axis);
    Shape shape = c.shape;
    shape[axis] = c.k;
    for (const DType type : {DType::f32, DType::i64, DType::i32})
      for (const bool largest : {true, false})
        for (const bool by_value : {true, false}) {
          INFO(to_string(c.shape) << " axis " << c.axis << " k " << c.k << " largest " << largest);
          const TopKAttributes a{c.axis, c.k, largest, by_value, by_value ? "i32" : "i64"};
          GraphBuilder b;
          const auto out = b.add("TopK", "y", Attributes::of(a), {b.input("x", type, c.shape)}, 2);
          CHECK(b.graph().value(out[0]).shape == shape);
          CHECK(b.graph().value(out[0]).dtype == type);
          CHECK(b.graph().value(out[1]).dtype == (by_value ? DType::i32 : DType::i64));
          b.output(out[0]);
          b.output(out[1]);
          const Outputs actual = run_everywhere(b.finish(), {x});
          const Tensor positions = generate(shape, [&](const Index& at) {
            return best(x, axis, at, a)[static_cast<std::size_t>(at[axis])];
          });
          const Tensor values = generate(shape, [&](const Index& at) {
            Index from = at;
            from[axis] = static_cast<std::int64_t>(value_at(positions, at));
            return value_at(x, from);
          });
          CHECK(actual[0] == values.data);
          CHECK(actual[1] == positions.data);
        }
  }
}

TEST_CASE("zeros of both signs are equal, infinities and not-a-number have their place", "[top_k]") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const Tensor x{{6}, {-0.0F, 0.0F, -inf, std::nanf(""), inf, -1}};
  const auto positions = [&](bool largest) {
    GraphBuilder b;
    const auto out = b.add("TopK", "y", Attributes::of(TopKAttributes{0, 6, largest, true, "i32"}),
                           {b.input("x", DType::f32, {6})}, 2);
    b.output(out[1]);
    return run_everywhere(b.finish(), {x}).front();
  };
  CHECK(positions(true) == std::vector<float>{3, 4, 0, 1, 5, 2});
  CHECK(positions(false) == std::vector<float>{2, 5, 0, 1, 4, 3});
}

TEST_CASE("wrong numbers of best elements are named", "[top_k]") {
  const auto top = [](std::int64_t axis, std::int64_t k, const char* type) {
    GraphBuilder b;
    return b.add("TopK", "layer", Attributes::of(TopKAttributes{axis, k, true, true, type}),
                 {b.input("x", DType::f32, {2, 5})}, 2);
  };
  CHECK_THROWS_WITH(top(1, 6, "i32"), Contains("layer 'layer': takes 6 of the 5 elements along its axis"));
  CHECK_THROWS_WITH(top(1, 0, "i32"), Contains("takes 0 of the 5 elements"));
  CHECK_THROWS_WITH(top(2, 1, "i32"), Contains("axis 2 is outside a tensor of rank 2"));
  CHECK_THROWS_WITH(top(1, 1, "f32"), Contains("index type 'f32' is not i32 or i64"));
}

TEST_CASE("cumulative sums along any axis", "[cum_sum]") {
  for (const DType type : {DType::f32, DType::i64, DType::i32})
    for (const auto& [shape, axis] :
         {std::pair{Shape{2, 3, 5}, std::int64_t{1}}, {{4, 700}, 0}, {{6}, -1}, {{2, 9}, 1}})
      for (const bool exclusive : {false, true})
        for (const bool reverse : {false, true}) {
          Tensor x = random_tensor(shape, 5, -9, 9);
          for (float& v : x.data) v = std::round(v);
          const auto along =
              static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis);
          const Tensor expected = generate(shape, [&, &full = shape](const Index& at) {
            double sum = 0;
            for (std::int64_t i = 0; i < full[along]; ++i) {
              const bool in_front = reverse ? i > at[along] : i < at[along];
              if (!in_front && (exclusive || i != at[along])) continue;
              Index from = at;
              from[along] = i;
              sum += static_cast<double>(value_at(x, from));
            }
            return sum;
          });
          GraphBuilder b;
          b.output(b.add1("CumSum", "y", Attributes::of(CumSumAttributes{axis, exclusive, reverse}),
                          {b.input("x", type, shape)}));
          CHECK(run_everywhere(b.finish(), {x}).front() == expected.data);
        }
}
