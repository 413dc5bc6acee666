#include "engine/ops/normalization.h"

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

std::vector<bool> flags(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<bool> along(rank, false);
  for (const std::int64_t axis : axes)
    along[static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis)] = true;
  return along;
}

/// Sum of f(x) over the elements that differ from `at` in the axes only, and their number.
template <class F>
double sum_along(const Tensor& x, const std::vector<bool>& along, const Index& at, double& count, F f) {
  double sum = 0;
  count = 0;
  for_each_index(x.shape, [&](const Index& other) {
    for (std::size_t d = 0; d < at.size(); ++d)
      if (!along[d] && other[d] != at[d]) return;
    sum += f(static_cast<double>(value_at(x, other)));
    ++count;
  });
  return sum;
}

Tensor normalized(const Tensor& x, const std::string& method, const std::vector<std::int64_t>& axes,
                  double eps) {
  const std::vector<bool> along = flags(axes, x.shape.size());
  return generate(x.shape, [&](const Index& at) {
    const auto v = static_cast<double>(value_at(x, at));
    double count = 0;
    if (method.starts_with("l2")) {
      const double s = sum_along(x, along, at, count, [](double e) { return e * e; });
      return v / std::sqrt(method == "l2" ? s + eps : std::fmax(s, eps));
    }
    const double mean = sum_along(x, along, at, count, [](double e) { return e; }) / count;
    if (method == "mean") return v - mean;
    const double variance =
        sum_along(x, along, at, count, [&](double e) { return (e - mean) * (e - mean); }) / count;
    return (v - mean) / (method == "mean_variance" ? std::sqrt(variance + eps) : std::sqrt(variance) + eps);
  });
}

struct Case {
  Shape shape;
  std::vector<std::int64_t> axes;
};
const Case kCases[] = {{{2, 19, 3, 5}, {1}},        {{2, 19, 3, 5}, {2, 3}},
                       {{2, 6, 3, 5}, {1, 2, 3}},   {{2, 6, 3, 5}, {-1}},
                       {{2, 6, 3, 5}, {2}},         {{2, 6, 3, 5}, {0, 2}},
                       {{2, 3, 40}, {-1}},          {{3, 5}, {1}},
                       {{2, 3, 2, 3, 4}, {1, 4}},   {{7}, {0}},
                       {{2, 3, 2, 2, 3, 2}, {2, 5}}};

}  // namespace

TEST_CASE("normalizations over any axes in every context", "[normalize]") {
  std::uint64_t seed = 0;
  for (const Case& c : kCases) {
    const Tensor x = random_tensor(c.shape, ++seed, -2, 3);
    for (const char* method : {"mean_variance", "mean_variance_eps_outside", "mean", "l2", "l2_eps_maximum"})
      for (const double eps : {1e-6, 0.5}) {
        const Tensor expected = normalized(x, method, c.axes, eps);
        for (const Context context : kContexts) {
          INFO(method << " of " << to_string(c.shape) << ", " << name_of(context));
          const auto actual = run_in(context, {x}, [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
            return b.add1("Normalize", "y", Attributes::of(NormalizeAttributes{method, c.axes, eps}),
                          {ids[0]});
          });
          CHECK(deviation(actual, expected.data) < 1e-5);
        }
      }
  }
}

TEST_CASE("without axes every element is normalized by itself", "[normalize]") {
  GraphBuilder b;
  b.output(b.add1("Normalize", "y", Attributes::of(NormalizeAttributes{"l2", {}, 0}),
                  {b.input("x", DType::f32, {3})}));
  CHECK(run_everywhere(b.finish(), {{{3}, {4, -2, 0.5F}}}).front() == std::vector<float>{1, -1, 1});
}

TEST_CASE("local response normalization over any axes in every context", "[lrn]") {
  std::uint64_t seed = 100;
  for (const Case& c : kCases)
    for (const std::int64_t size : {std::int64_t{1}, std::int64_t{4}, std::int64_t{5}})
      for (const double beta : {0.75, 0.6}) {
        const Tensor x = random_tensor(c.shape, ++seed, -2, 3);
        const std::vector<bool> along = flags(c.axes, c.shape.size());
        const double divisor = std::pow(static_cast<double>(size), static_cast<double>(c.axes.size()));
        const Tensor expected = generate(c.shape, [&](const Index& at) {
          double s = 0;
          for_each_index(c.shape, [&](const Index& other) {
            for (std::size_t d = 0; d < at.size(); ++d)
              if (std::abs(other[d] - at[d]) > (along[d] ? (size - 1) / 2 : 0)) return;
            s += std::pow(static_cast<double>(value_at(x, other)), 2);
          });
          return static_cast<double>(value_at(x, at)) / std::pow(1.5 + 0.4 / divisor * s, beta);
        });
        for (const Context context : kContexts) {
          INFO("size " << size << " of " << to_string(c.shape) << ", " << name_of(context));
          const auto actual = run_in(context, {x}, [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
            return b.add1("Lrn", "y", Attributes::of(LrnAttributes{c.axes, 0.4, beta, 1.5, size}), {ids[0]});
          });
          CHECK(deviation(actual, expected.data) < 2e-6);
        }
      }
}

TEST_CASE("long rows are normalized in pieces", "[lrn]") {
  const Tensor x = random_tensor({1, 1, 2, 1300}, 9);
  const Tensor expected = generate(x.shape, [&](const Index& at) {
    double s = 0;
    for (std::int64_t w = std::max<std::int64_t>(at[3] - 2, 0); w <= std::min<std::int64_t>(at[3] + 2, 1299);
         ++w)
      s += std::pow(static_cast<double>(value_at(x, {0, 0, at[2], w})), 2);
    return static_cast<double>(value_at(x, at)) / std::pow(1 + 0.2 * s, 0.5);
  });
  CHECK(deviation(
            run_in(Context::alone, {x},
                   [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                     return b.add1("Lrn", "y", Attributes::of(LrnAttributes{{3}, 1, 0.5, 1, 5}), {ids[0]});
                   }),
            expected.data) < 2e-6);
}

TEST_CASE("normalizations that cannot run are named", "[normalize]") {
  const auto normalize = [](std::vector<std::int64_t> axes) {
    return Attributes::of(NormalizeAttributes{"l2", std::move(axes), 0});
  };
  CHECK_THROWS_WITH(inferred("Normalize", normalize({3}), {{2, 3, 4}}),
                    Contains("axis 3 is outside a tensor of rank 3"));
  CHECK_THROWS_WITH(inferred("Lrn", Attributes::of(LrnAttributes{{1}, 1, 1, 1, 0}), {{2, 3}}),
                    Contains("normalizes over windows of 0 elements"));
  GraphBuilder b;
  b.output(b.add1("Normalize", "layer", Attributes::of(NormalizeAttributes{"median", {1}, 0}),
                  {b.input("x", DType::f32, {2, 3})}));
  CHECK_THROWS_WITH(Program::compile(b.finish(), options_for(Isa::scalar)),
                    Contains("layer 'layer': normalization 'median' is not supported"));
  GraphBuilder whole;
  CHECK_THROWS_WITH(whole.add1("Normalize", "layer", normalize({1}), {whole.input("x", DType::i64, {2, 3})}),
                    Contains("layer 'layer': normalization of integers is not supported"));
}
