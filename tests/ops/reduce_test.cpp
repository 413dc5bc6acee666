#include <functional>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

Attributes reduce(const std::string& operation, std::vector<std::int64_t> axes, bool keep_dims) {
  return Attributes::of(ReduceAttributes{operation, std::move(axes), keep_dims});
}

struct Operation {
  const char* name;
  double neutral;
  std::function<double(double, double)> add;
  std::function<double(double, double)> finish;  ///< of the result and the count
};

const std::vector<Operation>& operations() {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const auto same = [](double y, double) { return y; };
  static const std::vector<Operation> table = {
      {"sum", 0, [](double s, double x) { return s + x; }, same},
      {"mean", 0, [](double s, double x) { return s + x; }, [](double y, double n) { return y / n; }},
      {"max", -inf, [](double s, double x) { return std::fmax(s, x); }, same},
      {"min", inf, [](double s, double x) { return std::fmin(s, x); }, same},
      {"prod", 1, [](double s, double x) { return s * x; }, same},
      {"l1", 0, [](double s, double x) { return s + std::fabs(x); }, same},
      {"l2", 0, [](double s, double x) { return s + x * x; }, [](double y, double) { return std::sqrt(y); }},
      {"sum_square", 0, [](double s, double x) { return s + x * x; }, same},
      {"log_sum", 0, [](double s, double x) { return s + x; }, [](double y, double) { return std::log(y); }}};
  return table;
}

Tensor reference(const Operation& o, const Tensor& x, const std::vector<bool>& reduced, const Shape& out) {
  Shape full = x.shape;
  double count = 1;
  for (std::size_t d = 0; d < full.size(); ++d)
    if (reduced[d]) {
      count *= static_cast<double>(full[d]);
      full[d] = 1;
    }
  std::vector<double> sums(static_cast<std::size_t>(element_count(full)), o.neutral);
  for_each_index(x.shape, [&](const Index& at) {
    Index to = at;
    for (std::size_t d = 0; d < to.size(); ++d)
      if (reduced[d]) to[d] = 0;
    double& sum = sums[offset(full, to)];
    sum = o.add(sum, static_cast<double>(value_at(x, at)));
  });
  Tensor result{out, {}};
  for (const double sum : sums) result.data.push_back(static_cast<float>(o.finish(sum, count)));
  return result;
}

struct Case {
  Shape x;
  std::vector<std::int64_t> axes;
  Shape kept, dropped;
};
const Case kCases[] = {{{2, 19, 4, 5}, {2, 3}, {2, 19, 1, 1}, {2, 19}},
                       {{2, 19, 4, 5}, {1}, {2, 1, 4, 5}, {2, 4, 5}},
                       {{2, 3, 4}, {-1}, {2, 3, 1}, {2, 3}},
                       {{2, 3, 4}, {0, 1, 2}, {1, 1, 1}, {}},
                       {{5, 4}, {0}, {1, 4}, {4}},
                       {{2, 3, 4}, {}, {2, 3, 4}, {2, 3, 4}},
                       {{33}, {0}, {1}, {}},
                       {{1, 3, 2, 3, 4}, {2, 3, 4}, {1, 3, 1, 1, 1}, {1, 3}},
                       {{2, 3, 4, 5}, {0, 2}, {1, 3, 1, 5}, {3, 5}},
                       {{3, 4, 5}, {0, -1}, {1, 4, 1}, {4}},
                       {{2, 1, 3, 2, 2, 3}, {0, 3, 5}, {1, 1, 3, 1, 2, 1}, {1, 3, 2}}};

std::vector<bool> reduced_dims(const Case& c) {
  std::vector<bool> reduced(c.x.size(), false);
  for (const std::int64_t axis : c.axes)
    reduced[static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(c.x.size()) : axis)] = true;
  return reduced;
}

}  // namespace

TEST_CASE("reductions over any axes in every context", "[reduce]") {
  std::uint64_t seed = 0;
  for (const Case& c : kCases)
    for (const bool keep : {true, false}) {
      const Shape& out = keep ? c.kept : c.dropped;
      CHECK(inferred("Reduce", reduce("mean", c.axes, keep), {c.x}) == out);
      const Tensor x = random_tensor(c.x, ++seed, 0.5F, 1.5F);
      for (const Operation& o : operations()) {
        const Tensor expected = reference(o, x, reduced_dims(c), out);
        for (const Context context : kContexts) {
          INFO(o.name << " of " << to_string(c.x) << " to " << to_string(out) << ", " << name_of(context));
          CHECK(deviation(run_in(context, {x},
                                 [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                   return b.add1("Reduce", "y", reduce(o.name, c.axes, keep), {ids[0]});
                                 }),
                          expected.data) < 1e-5);
        }
      }
    }
}

TEST_CASE("sums and products of shapes fold", "[reduce]") {
  const Constant c = Constant::i64({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(folded("Reduce", reduce("prod", {1}, false), {c}).to_ints() == std::vector<std::int64_t>{6, 120});
  CHECK(folded("Reduce", reduce("sum", {0}, true), {c}).to_ints() == std::vector<std::int64_t>{5, 7, 9});
  const Constant all = folded("Reduce", reduce("prod", {0, -1}, false), {c});
  CHECK(all.shape().empty());
  CHECK(all.dtype() == DType::i64);
  CHECK(all.to_ints() == std::vector<std::int64_t>{720});
}

TEST_CASE("reductions that cannot run are named", "[reduce]") {
  CHECK_THROWS_WITH(inferred("Reduce", reduce("sum", {3}, false), {{2, 3, 4}}),
                    Contains("axis 3 is outside a tensor of rank 3"));
  const auto compile = [](const Attributes& a) {
    GraphBuilder b;
    b.output(b.add1("Reduce", "layer", a, {b.input("x", DType::f32, {2, 3, 4})}));
    return Program::compile(b.finish(), options_for(Isa::scalar));
  };
  CHECK_THROWS_WITH(compile(reduce("median", {1}, true)),
                    Contains("layer 'layer': reduction 'median' is not supported"));
  CHECK_THROWS_AS(compile(reduce("median", {1}, true)), UnsupportedError);
}

TEST_CASE("integers are reduced as integers, constant or not", "[reduce]") {
  struct Whole {
    const char* operation;
    std::vector<std::int64_t> rows;  ///< of -7, 2, 4 and 3, 0, -5
  };
  const Whole table[] = {{"sum", {-1, -2}}, {"mean", {0, 0}}, {"prod", {-56, 0}}, {"max", {4, 3}},
                         {"min", {-7, -5}}, {"l1", {13, 8}},  {"l2", {8, 5}},     {"sum_square", {69, 34}},
                         {"and", {1, 0}},   {"or", {1, 1}}};
  for (const Whole& c : table) {
    INFO(c.operation);
    CHECK(folded("Reduce", reduce(c.operation, {1}, false), {Constant::i64({2, 3}, {-7, 2, 4, 3, 0, -5})})
              .to_ints() == c.rows);
    for (const DType type : {DType::i64, DType::i32}) {
      GraphBuilder b;
      b.output(b.add1("Reduce", "y", reduce(c.operation, {-1}, true), {b.input("x", type, {2, 3})}));
      CHECK(run_everywhere(b.finish(), {{{2, 3}, {-7, 2, 4, 3, 0, -5}}}).front() ==
            std::vector<float>(c.rows.begin(), c.rows.end()));
    }
  }
  GraphBuilder b;
  b.output(b.add1("Reduce", "y", reduce("and", {0}, false), {b.input("x", DType::f32, {2, 3})}));
  CHECK(run_everywhere(b.finish(), {{{2, 3}, {0.5F, 0, 1, -2, 3, 0}}}).front() ==
        std::vector<float>{1, 0, 0});
}

TEST_CASE("means of integers behind another layer over any axes", "[reduce][int8]") {
  const Scale in{{0.021F}, 100}, out{{0.011F}, 131};
  for (const Case& c : kCases)
    for (const bool keep : {true, false}) {
      const Shape& shape = keep ? c.kept : c.dropped;
      // The convolution that asks for integers needs channels and space.
      Shape image(std::max<std::size_t>(shape.size(), 3), 1);
      std::copy(shape.begin(), shape.end(), image.begin());
      if (c.axes.empty() || image.size() > 5) continue;
      const Tensor x = random_tensor(c.x, 1, -2, 2);
      GraphBuilder b;
      const ValueId i = b.input("x", DType::f32, c.x);
      const ValueId front = add_activation(b, "front", i, "abs");
      std::vector<std::int64_t> axes;
      for (std::size_t d = 0; d < c.x.size(); ++d)
        if (reduced_dims(c)[d]) axes.push_back(static_cast<std::int64_t>(d));
      const ValueId y = b.add1("Reduce", "y", reduce("mean", axes, keep), {front});
      const ValueId r = b.add1("Reshape", "r", Attributes::of(ReshapeAttributes{}),
                               {y, b.constant("s", Constant::i64_vector(image))});
      b.output(add_unit_convolution(b, "z", r));
      quantize_value(b.graph(), front, in.scale, in.zero_point);
      for (const ValueId id : {y, r}) quantize_value(b.graph(), id, out.scale, out.zero_point);
      const Recorder seen = observe_everywhere(b.finish(), {x});
      INFO(to_string(c.x) << " to " << to_string(shape));
      REQUIRE(seen.dtype("r") == DType::u8);
      // The exact sum, one value at a time.
      const std::vector<bool> reduced = reduced_dims(c);
      Shape full = c.x;
      int count = 1;
      for (std::size_t d = 0; d < full.size(); ++d)
        if (reduced[d]) count *= static_cast<int>(full[d]), full[d] = 1;
      std::vector<int> sums(static_cast<std::size_t>(element_count(full)), 0);
      for_each_index(c.x, [&](const Index& at) {
        Index to = at;
        for (std::size_t d = 0; d < to.size(); ++d)
          if (reduced[d]) to[d] = 0;
        sums[offset(full, to)] += in.quantize(std::fabs(value_at(x, at))) - in.zero_point;
      });
      std::vector<float> expected;
      for (const int sum : sums)
        expected.push_back(
            out.stored(static_cast<float>(sum) * in.scale.front() / static_cast<float>(count)));
      CHECK(same_bytes(seen.at("r"), expected));
    }
}
