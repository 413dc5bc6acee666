#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

MatMulAttributes matmul(bool transpose_a, bool transpose_b) {
  MatMulAttributes a;
  a.transpose_a = transpose_a;
  a.transpose_b = transpose_b;
  return a;
}

/// A node with the constant second operand B [K, N] (stored transposed if asked) and an optional bias.
ValueId add_matmul(GraphBuilder& b, ValueId x, const Tensor& weights, bool transpose,
                   const std::vector<float>& bias) {
  const Tensor stored = transpose ? transposed(weights, {1, 0}) : weights;
  std::vector<ValueId> inputs{x, b.constant("w", constant_of(stored))};
  if (!bias.empty())
    inputs.push_back(b.constant("b", Constant::f32({static_cast<std::int64_t>(bias.size())}, bias)));
  return b.add1("MatMul", "y", Attributes::of(matmul(false, transpose)), inputs);
}

Tensor plus(Tensor t, const std::vector<float>& bias) {
  for (std::size_t i = 0; i < t.data.size(); ++i) t.data[i] += bias[i % bias.size()];
  return t;
}

}  // namespace

TEST_CASE("matrix products have the shapes of the operation set", "[matmul]") {
  struct Case {
    Shape a, b;
    bool transpose_a, transpose_b;
    Shape out;
  };
  const Case cases[] = {{{4, 3}, {3, 5}, false, false, {4, 5}},
                        {{3, 4}, {3, 5}, true, false, {4, 5}},
                        {{4, 3}, {5, 3}, false, true, {4, 5}},
                        {{2, 4, 3}, {3, 5}, false, false, {2, 4, 5}},
                        {{2, 1, 4, 3}, {6, 3, 5}, false, false, {2, 6, 4, 5}},
                        {{3}, {3, 5}, false, false, {5}},
                        {{4, 3}, {3}, false, false, {4}},
                        {{3}, {3}, false, false, {}},
                        {{3}, {3, 5}, true, false, {5}},
                        {{4, 3}, {3}, false, true, {4}}};
  for (const Case& c : cases) {
    INFO(to_string(c.a) << " x " << to_string(c.b));
    CHECK(inferred("MatMul", Attributes::of(matmul(c.transpose_a, c.transpose_b)), {c.a, c.b}) == c.out);
  }
  const auto bad = [](const Shape& a, const Shape& b) {
    return inferred("MatMul", Attributes::of(matmul(false, false)), {a, b});
  };
  CHECK_THROWS_WITH(bad({4, 3}, {4, 3}), Contains("inner dimensions of [4,3] and [4,3] differ"));
  CHECK_THROWS_WITH(bad({}, {4, 3}), Contains("multiplies a scalar"));
  CHECK_THROWS_WITH(bad({2, 4, 3}, {5, 3, 4}), Contains("do not broadcast"));
}

TEST_CASE("matrix products with constant weights", "[matmul]") {
  std::uint64_t seed = 0;
  for (const auto& [m, k, n] : {std::tuple{1, 10, 7}, {3, 64, 65}, {5, 33, 1}, {2, 1, 3}, {17, 16, 130}}) {
    const Tensor a = random_tensor({m, k}, ++seed), b = random_tensor({k, n}, ++seed);
    const std::vector<float> bias = random_tensor({n}, ++seed).data;
    for (const bool transpose : {false, true}) {
      INFO(m << "x" << k << "x" << n << (transpose ? " transposed" : ""));
      const auto with = [&](const std::vector<float>& used) {
        return run_in(Context::alone, {a}, [&](GraphBuilder& g, const std::vector<ValueId>& ids) {
          return add_matmul(g, ids[0], b, transpose, used);
        });
      };
      CHECK(deviation(with({}), multiply(a, b).data) < 1e-5);
      CHECK(deviation(with(bias), plus(multiply(a, b), bias).data) < 1e-5);
    }
  }
}

TEST_CASE("leading dimensions are rows, a vector is one row", "[matmul]") {
  const Tensor flat = random_tensor({12, 5}, 1), w = random_tensor({5, 6}, 2);
  const Tensor expected = multiply(flat, w);
  for (const Shape& shape : {Shape{3, 4, 5}, Shape{2, 3, 2, 5}, Shape{1, 12, 5}}) {
    const Tensor x{shape, flat.data};
    for (const Context context : {Context::alone, Context::channels_last}) {
      INFO(to_string(shape) << " " << name_of(context));
      CHECK(deviation(run_in(context, {x},
                             [&](GraphBuilder& g, const std::vector<ValueId>& ids) {
                               return add_matmul(g, ids[0], w, false, {});
                             }),
                      expected.data) < 1e-5);
    }
  }
  const Tensor vector = random_tensor({5}, 3);
  CHECK(deviation(run_in(Context::alone, {vector},
                         [&](GraphBuilder& g, const std::vector<ValueId>& ids) {
                           return add_matmul(g, ids[0], w, false, {});
                         }),
                  multiply({{1, 5}, vector.data}, w).data) < 1e-5);
}

TEST_CASE("matrix products of two computed operands broadcast their batches", "[matmul]") {
  struct Case {
    Shape a, b;
    Shape out;
  };
  const Case cases[] = {{{4, 3}, {3, 5}, {4, 5}},
                        {{2, 4, 3}, {2, 3, 5}, {2, 4, 5}},
                        {{2, 4, 3}, {3, 5}, {2, 4, 5}},
                        {{4, 3}, {2, 3, 5}, {2, 4, 5}},
                        {{2, 1, 4, 3}, {6, 3, 5}, {2, 6, 4, 5}},
                        {{1, 12, 130, 64}, {1, 12, 64, 33}, {1, 12, 130, 33}},
                        {{3}, {3, 5}, {5}},
                        {{4, 3}, {3}, {4}},
                        {{2, 4, 3}, {3}, {2, 4}},
                        {{3}, {3}, {}}};
  const auto swapped = [](const Tensor& t) {
    if (t.shape.size() < 2) return t;
    std::vector<std::int64_t> order;
    for (std::size_t d = 0; d < t.shape.size(); ++d) order.push_back(static_cast<std::int64_t>(d));
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    return transposed(t, order);
  };
  std::uint64_t seed = 20;
  for (const Case& c : cases) {
    const Tensor a = random_tensor(c.a, ++seed), b = random_tensor(c.b, ++seed);
    // With the dimensions that vectors lack.
    Tensor left = a, right = b;
    if (c.a.size() == 1) left.shape.insert(left.shape.begin(), 1);
    if (c.b.size() == 1) right.shape.push_back(1);
    Shape full = c.out;
    if (c.b.size() == 1) full.push_back(1);
    if (c.a.size() == 1) full.insert(full.end() - 1, 1);
    const Tensor expected = generate(full, [&](const Index& at) {
      double sum = 0;
      for (std::int64_t k = 0; k < left.shape.back(); ++k) {
        Index p = at, q = at;
        p.back() = k;
        q[q.size() - 2] = k;
        sum += static_cast<double>(broadcast_at(left, p)) * static_cast<double>(broadcast_at(right, q));
      }
      return sum;
    });
    for (const bool transpose_a : {false, true})
      for (const bool transpose_b : {false, true})
        for (const int constant : {0, 1, 2}) {
          INFO(to_string(c.a) << " x " << to_string(c.b) << " transposed " << transpose_a << transpose_b
                              << " constant operand " << constant);
          const Tensor x = transpose_a ? swapped(a) : a, y = transpose_b ? swapped(b) : b;
          GraphBuilder g;
          std::vector<Tensor> fed;
          const auto operand = [&](const char* name, const Tensor& t, bool fixed) {
            if (fixed) return g.constant(name, constant_of(t));
            fed.push_back(t);
            return g.input(name, DType::f32, t.shape);
          };
          const ValueId p = operand("a", x, constant == 1), q = operand("b", y, constant == 2);
          const ValueId z = g.add1("MatMul", "y", Attributes::of(matmul(transpose_a, transpose_b)), {p, q});
          CHECK(g.graph().value(z).shape == c.out);
          g.output(z);
          CHECK(deviation(run_everywhere(g.finish(), fed).front(), expected.data) < 1e-5);
        }
  }
}

TEST_CASE("what no product takes is named", "[matmul]") {
  GraphBuilder g;
  const ValueId x = g.input("x", DType::f32, {2, 3}), y = g.input("y", DType::f32, {3, 4});
  g.output(g.add1("MatMul", "product", Attributes::of(matmul(false, false)),
                  {x, y, g.constant("bias", Constant::f32({4}, {1, 2, 3, 4}))}));
  CHECK_THROWS_AS(Program::compile(g.graph(), options_for(Isa::scalar)), UnsupportedError);
  CHECK_THROWS_WITH(Program::compile(g.graph(), options_for(Isa::scalar)),
                    Contains("layer 'product': a bias of a product of two computed operands"));
  GraphBuilder whole;
  const ValueId p = whole.input("x", DType::i64, {2, 3}), q = whole.input("y", DType::i64, {3, 4});
  CHECK_THROWS_WITH(whole.add1("MatMul", "product", Attributes::of(matmul(false, false)), {p, q}),
                    Contains("layer 'product': products of matrices of integers are not supported"));
}

TEST_CASE("an activation behind a product of computed operands stays on its own", "[matmul]") {
  const Tensor a = random_tensor({3, 4}, 1), b = random_tensor({4, 5}, 2);
  GraphBuilder g;
  const ValueId x = g.input("x", DType::f32, a.shape), y = g.input("y", DType::f32, b.shape);
  const ValueId z = g.add1("MatMul", "product", Attributes::of(matmul(false, false)), {x, y});
  g.output(add_activation(g, "relu", z, "relu"));
  Tensor expected = multiply(a, b);
  for (float& v : expected.data) v = std::max(v, 0.0F);
  CHECK(deviation(run_everywhere(g.finish(), {a, b}).front(), expected.data) < 1e-5);
}

TEST_CASE("integer matrix products give the bits of the reference", "[matmul][int8]") {
  std::uint64_t seed = 50;
  for (const auto& [m, k, n] : {std::tuple{1, 40, 10}, {3, 129, 17}, {4, 7, 66}})
    for (const bool transpose : {false, true}) {
      INFO(m << "x" << k << "x" << n << (transpose ? " transposed" : ""));
      const Tensor a = random_tensor({m, k}, ++seed), w = random_tensor({k, n}, ++seed, -1, 1);
      const std::vector<float> bias = random_tensor({n}, ++seed).data;
      const Scale in{{0.017F}, 121}, out{{0.09F}, 130};
      const auto reference = [&, m = m, k = k, n = n](float step) {
        return generate({m, n}, [&](const Index& at) {
          float largest = 0;
          for (std::int64_t i = 0; i < k; ++i)
            largest = std::max(largest, std::fabs(value_at(w, {i, at[1]})));
          const float scale = largest / 127.0F;
          std::int64_t acc = 0;
          for (std::int64_t i = 0; i < k; ++i)
            acc += (in.quantize(value_at(a, {at[0], i})) - in.zero_point) *
                   static_cast<std::int64_t>(std::nearbyint(value_at(w, {i, at[1]}) * (1.0F / scale)));
          return scaled_sum(acc, in.of(0) * scale, bias[static_cast<std::size_t>(at[1])], step);
        });
      };
      GraphBuilder g;
      const ValueId x = g.input("x", DType::f32, a.shape);
      const ValueId y = add_matmul(g, x, w, transpose, bias);
      const ValueId unit = g.constant(
          "unit", constant_of(generate({n, n}, [](const Index& at) { return at[0] == at[1] ? 1 : 0; })));
      const ValueId z = g.add1("MatMul", "z", Attributes::of(matmul(false, false)), {y, unit});
      g.output(z);
      quantize_value(g.graph(), x, in.scale, in.zero_point);
      const Graph real = g.graph();
      CHECK(same_bytes(observe_everywhere(real, {a}).at("y"), reference(1).data));
      quantize_value(g.graph(), y, out.scale, out.zero_point);
      const Recorder seen = observe_everywhere(g.finish(), {a});
      REQUIRE(seen.dtype("y") == DType::u8);
      Tensor stored = reference(out.of(0));
      for (float& v : stored.data) v = out.stored_steps(v);
      CHECK(same_bytes(seen.at("y"), stored.data));
    }
}
