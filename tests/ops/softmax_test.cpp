#include "tests/ops/reference.h"

using namespace refcalib_test;

TEST_CASE("softmax and its logarithm along any axis in every context", "[softmax]") {
  struct Case {
    Shape x;
    std::int64_t axis;
  };
  for (const Case& c : {Case{{3, 10}, 1}, Case{{3, 10}, -2}, Case{{2, 19, 3, 4}, 1}, Case{{2, 5, 3, 4}, 3},
                        Case{{37}, 0}, Case{{1, 1000}, -1}, Case{{1, 2, 3, 2, 4}, 2}})
    for (const bool log : {false, true}) {
      const Tensor x = random_tensor(c.x, 5, -20, 20);
      const auto axis =
          static_cast<std::size_t>(c.axis < 0 ? c.axis + static_cast<std::int64_t>(c.x.size()) : c.axis);
      const Tensor expected = generate(c.x, [&](const Index& at) {
        double largest = -1e30, sum = 0;
        const auto visit = [&](auto f) {
          Index other = at;
          for (other[axis] = 0; other[axis] < c.x[axis]; ++other[axis])
            f(static_cast<double>(value_at(x, other)));
        };
        visit([&](double v) { largest = std::fmax(largest, v); });
        visit([&](double v) { sum += std::exp(v - largest); });
        const double y = static_cast<double>(value_at(x, at)) - largest;
        return log ? y - std::log(sum) : std::exp(y) / sum;
      });
      for (const Context context : kContexts) {
        INFO(to_string(c.x) << " axis " << c.axis << (log ? " log, " : ", ") << name_of(context));
        const auto actual = run_in(context, {x}, [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
          return b.add1("Softmax", "y", Attributes::of(SoftmaxAttributes{c.axis, log}), {ids[0]});
        });
        CHECK(deviation(actual, expected.data) < 1e-5);
      }
    }
  CHECK(inferred("Softmax", Attributes::of(SoftmaxAttributes{1, false}), {{2, 3}}) == Shape{2, 3});
  CHECK_THROWS_WITH(inferred("Softmax", Attributes::of(SoftmaxAttributes{2, false}), {{2, 3}}),
                    Contains("axis 2 is outside a tensor of rank 2"));
}
