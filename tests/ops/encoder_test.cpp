#include "engine/ops/indexing.h"
#include "engine/ops/normalization.h"
#include "tests/ops/reference.h"

// One layer of a transformer encoder, from token numbers and a mask of integers to its output: all that such networks
// are made of, together.

using namespace refcalib_test;

namespace {

constexpr std::int64_t kLength = 9, kWidth = 24, kHeads = 3, kDepth = kWidth / kHeads, kInner = 40,
                       kWords = 30;

using Matrix = std::vector<std::vector<double>>;  ///< a row per token

struct Weights {
  Tensor embedding = random_tensor({kWords, kWidth}, 1);
  Tensor gamma = random_tensor({kWidth}, 2, 0.5F, 1.5F), beta = random_tensor({kWidth}, 3);
  Tensor query = random_tensor({kWidth, kWidth}, 4, -0.5F, 0.5F),
         key = random_tensor({kWidth, kWidth}, 5, -0.5F, 0.5F);
  Tensor value = random_tensor({kWidth, kWidth}, 6, -0.5F, 0.5F),
         out = random_tensor({kWidth, kWidth}, 7, -0.5F, 0.5F);
  Tensor up = random_tensor({kWidth, kInner}, 8, -0.5F, 0.5F),
         down = random_tensor({kInner, kWidth}, 9, -0.5F, 0.5F);
  Tensor bias = random_tensor({kWidth}, 10);
};

double at(const Tensor& t, std::int64_t i) {
  return static_cast<double>(t.data[static_cast<std::size_t>(i)]);
}

Matrix product(const Matrix& a, const Tensor& w) {
  Matrix y;
  for (const auto& row : a) {
    std::vector<double> sums(static_cast<std::size_t>(w.shape[1]), 0);
    for (std::size_t k = 0; k < row.size(); ++k)
      for (std::size_t n = 0; n < sums.size(); ++n)
        sums[n] += row[k] * at(w, static_cast<std::int64_t>(k) * w.shape[1] + static_cast<std::int64_t>(n));
    y.push_back(sums);
  }
  return y;
}

Matrix layer_norm(Matrix x, const Weights& w) {
  for (auto& row : x) {
    double mean = 0, variance = 0;
    for (const double v : row) mean += v / static_cast<double>(kWidth);
    for (const double v : row) variance += (v - mean) * (v - mean) / static_cast<double>(kWidth);
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = (row[i] - mean) / std::sqrt(variance + 1e-5) * at(w.gamma, static_cast<std::int64_t>(i)) +
               at(w.beta, static_cast<std::int64_t>(i));
  }
  return x;
}

Matrix attention(const Matrix& q, const Matrix& k, const Matrix& v, const Tensor& mask) {
  Matrix y(q.size(), std::vector<double>(static_cast<std::size_t>(kWidth), 0));
  for (std::size_t head = 0; head < kHeads; ++head)
    for (std::size_t i = 0; i < q.size(); ++i) {
      std::vector<double> weight;
      double sum = 0;
      for (std::size_t j = 0; j < k.size(); ++j) {
        double score = 0;
        for (std::size_t e = head * kDepth; e < (head + 1) * kDepth; ++e) score += q[i][e] * k[j][e];
        score = score / std::sqrt(static_cast<double>(kDepth)) -
                10000 * (1 - at(mask, static_cast<std::int64_t>(j)));
        weight.push_back(std::exp(score));
        sum += weight.back();
      }
      for (std::size_t j = 0; j < k.size(); ++j)
        for (std::size_t e = head * kDepth; e < (head + 1) * kDepth; ++e)
          y[i][e] += weight[j] / sum * v[j][e];
    }
  return y;
}

std::vector<float> reference(const Weights& w, const Tensor& ids, const Tensor& mask) {
  Matrix x;
  for (std::int64_t i = 0; i < kLength; ++i) {
    std::vector<double> row;
    for (std::int64_t c = 0; c < kWidth; ++c)
      row.push_back(
          at(w.embedding, static_cast<std::int64_t>(ids.data[static_cast<std::size_t>(i)]) * kWidth + c));
    x.push_back(row);
  }
  x = layer_norm(x, w);
  const auto biased = [&](const Tensor& weights) {
    Matrix y = product(x, weights);
    for (auto& row : y)
      for (std::size_t c = 0; c < row.size(); ++c) row[c] += at(w.bias, static_cast<std::int64_t>(c));
    return y;
  };
  const auto plus = [](Matrix a, const Matrix& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t c = 0; c < a[i].size(); ++c) a[i][c] += b[i][c];
    return a;
  };
  x = layer_norm(plus(product(attention(biased(w.query), biased(w.key), biased(w.value), mask), w.out), x),
                 w);
  Matrix inner = product(x, w.up);
  for (auto& row : inner)
    for (double& v : row) v = 0.5 * v * std::erfc(-v * std::sqrt(0.5));
  x = layer_norm(plus(product(inner, w.down), x), w);
  std::vector<float> flat;
  for (const auto& row : x)
    for (const double v : row) flat.push_back(static_cast<float>(v));
  return flat;
}

/// The network as exporters write it; the normalization whole, or taken apart into means and squares.
struct Encoder {
  const Weights& w;
  bool apart;
  GraphBuilder b;
  int names = 0;

  std::string name() { return "n" + std::to_string(names++); }
  ValueId fixed(const Tensor& t) { return b.constant(name(), constant_of(t)); }
  ValueId number(float v) { return fixed({{}, {v}}); }
  ValueId op(const char* operation, ValueId x, ValueId y) { return add_eltwise(b, name(), operation, x, y); }
  ValueId reduce(ValueId x) {
    return b.add1("Reduce", name(), Attributes::of(ReduceAttributes{"mean", {-1}, true}), {x});
  }
  ValueId times(ValueId x, ValueId y, bool transposed = false) {
    MatMulAttributes a;
    a.transpose_b = transposed;
    return b.add1("MatMul", name(), Attributes::of(a), {x, y});
  }
  ValueId reshape(ValueId x, std::vector<std::int64_t> shape) {
    const ValueId target = b.constant(name(), Constant::i64_vector(std::move(shape)));
    return b.add1("Reshape", name(), Attributes::of(ReshapeAttributes{true}), {x, target});
  }
  ValueId transpose(ValueId x, std::vector<std::int64_t> order) {
    return b.add1("Transpose", name(), Attributes::of(TransposeAttributes{std::move(order)}), {x});
  }
  ValueId norm(ValueId x) {
    ValueId y;
    if (apart) {
      const ValueId centred = op("sub", x, reduce(x));
      const ValueId variance = reduce(op("mul", centred, centred));
      y = op("div", centred, add_activation(b, name(), op("add", variance, number(1e-5F)), "sqrt"));
    } else {
      y = b.add1("Normalize", name(), Attributes::of(NormalizeAttributes{"mean_variance", {-1}, 1e-5}), {x});
    }
    return op("add", op("mul", y, fixed(w.gamma)), fixed(w.beta));
  }
  ValueId heads(ValueId x, const Tensor& weights) {
    const ValueId y = op("add", times(x, fixed(weights)), fixed(w.bias));
    return transpose(reshape(y, {0, 0, kHeads, kDepth}), {0, 2, 1, 3});
  }

  Graph build() {
    const ValueId ids = b.input("ids", DType::i64, {1, kLength}),
                  mask = b.input("mask", DType::i64, {1, kLength});
    GatherAttributes rows;
    ValueId x = norm(b.add1("Gather", "embedding", Attributes::of(rows), {fixed(w.embedding), ids}));
    const ValueId kept = b.add1("Convert", "kept", Attributes::of(ConvertAttributes{"f32"}),
                                {reshape(mask, {1, 1, 1, kLength})});
    const ValueId bias = op("mul", op("sub", number(1), kept), number(-10000));
    const ValueId scores = op("div", times(heads(x, w.query), heads(x, w.key), true),
                              number(std::sqrt(static_cast<float>(kDepth))));
    const ValueId weights =
        b.add1("Softmax", name(), Attributes::of(SoftmaxAttributes{3, false}), {op("add", scores, bias)});
    const ValueId sums = transpose(times(weights, heads(x, w.value)), {0, 2, 1, 3});
    x = norm(op("add", times(reshape(sums, {0, 0, kWidth}), fixed(w.out)), x));
    const ValueId inner = add_activation(b, name(), times(x, fixed(w.up)), "gelu");
    b.output(norm(op("add", times(inner, fixed(w.down)), x)));
    return b.finish();
  }
};

}  // namespace

TEST_CASE("a transformer encoder computes what it should, on every instruction set", "[encoder]") {
  const Weights weights;
  const Tensor ids{{1, kLength}, {3, 0, 29, 7, 7, 12, 5, 0, 0}},
      mask{{1, kLength}, {1, 1, 1, 1, 1, 1, 1, 0, 0}};
  const std::vector<float> expected = reference(weights, ids, mask);
  for (const bool apart : {false, true}) {
    INFO("normalization taken apart " << apart);
    Encoder encoder{weights, apart, GraphBuilder{}};
    const Graph graph = encoder.build();
    CHECK(deviation(run_everywhere(graph, {ids, mask}).front(), expected) < 2e-4);
    // Nothing of it wants another memory order.
    const auto program = Program::compile(graph, options_for(Isa::scalar));
    for (const StepInfo& step : program->steps()) CHECK(step.op != "Reorder");
  }
}
