#include "engine/core/error.h"
#include "tests/formats/layer_values.h"

// Layers of both vocabularies that take sums over axes, run as they are read, against values from their definitions.

using namespace refcalib::engine;
using namespace refcalib_test;

TEST_CASE("reductions in both vocabularies", "[reduction_layers]") {
  struct Reduction {
    const char *legacy, *opset;
    double start;
    double (*step)(double, double);
    int since = 1;
  };
  const Reduction table[] = {
      {"ReduceMax", "ReduceMax", -1e9, [](double s, double v) { return std::fmax(s, v); }},
      {"ReduceMin", "ReduceMin", 1e9, [](double s, double v) { return std::fmin(s, v); }},
      {"ReduceProd", "ReduceProd", 1, [](double s, double v) { return s * v; }},
      {"ReduceSum", "ReduceSum", 0, [](double s, double v) { return s + v; }},
      {"ReduceL1", "ReduceL1", 0, [](double s, double v) { return s + std::fabs(v); }, 4},
      {"ReduceSumSquare", nullptr, 0, [](double s, double v) { return s + v * v; }},
      {"ReduceAnd", nullptr, 1, [](double s, double v) { return s != 0 && v != 0 ? 1.0 : 0.0; }},
      {"ReduceOr", nullptr, 0, [](double s, double v) { return s != 0 || v != 0 ? 1.0 : 0.0; }}};
  Values x = random_values(30, 9, -2, 2);
  for (std::size_t i = 0; i < x.size(); i += 4) x[i] = 0;
  for (const Reduction& c : table)
    for (const bool keep : {true, false}) {
      CAPTURE(c.legacy, keep);
      Values expected;  // of [2, 5, 3] over the second dimension
      for (std::size_t n = 0; n < 2; ++n)
        for (std::size_t i = 0; i < 3; ++i) {
          double sum = c.start;
          for (std::size_t k = 0; k < 5; ++k) sum = c.step(sum, double{x[(n * 5 + k) * 3 + i]});
          expected.push_back(static_cast<float>(sum));
        }
      const Pairs pairs{{"keep_dims", keep ? "true" : "false"}};
      const Shape out = keep ? Shape{2, 1, 3} : Shape{2, 3};
      const OneLayer old = OneLayer(6, c.legacy, pairs).input({2, 5, 3}).ints({1}).output(out);
      CHECK(output_shape(old.graph()) == out);
      CHECK(near(run(old, {x}).front(), expected));
      if (c.opset == nullptr) continue;
      const OneLayer newer =
          OneLayer(10, c.opset, pairs, "opset" + std::to_string(c.since)).input({2, 5, 3}).ints({-2});
      CHECK(output_shape(newer.graph()) == out);
      CHECK(near(run(newer, {x}).front(), expected));
    }
}

TEST_CASE("logarithms of a softmax, and layers that give what they get, in both vocabularies",
          "[reduction_layers]") {
  const Values x = random_values(12, 10, -3, 3);
  Values expected(12);
  for (std::size_t n = 0; n < 3; ++n) {
    double sum = 0;
    for (std::size_t i = 0; i < 4; ++i) sum += std::exp(double{x[n * 4 + i]});
    for (std::size_t i = 0; i < 4; ++i)
      expected[n * 4 + i] = static_cast<float>(double{x[n * 4 + i]} - std::log(sum));
  }
  CHECK(near(run(OneLayer(7, "LogSoftmax", {{"axis", "1"}}).input({3, 4}).output({3, 4}), {x}).front(),
             expected));
  CHECK(
      near(run(OneLayer(10, "LogSoftmax", {{"axis", "-1"}}, "opset5").input({3, 4}), {x}).front(), expected));
  CHECK(run(OneLayer(6, "Copy", {}).input({3, 4}).output({3, 4}), {x}).front() == x);
  CHECK(run(OneLayer(11, "Identity", {}, "opset16").input({3, 4}), {x}).front() == x);
  CHECK(run(OneLayer(10, "ConvertLike", {}, "opset8").input({3, 4}).constant<float>({1}, {0}), {x}).front() ==
        x);
}

TEST_CASE("normalization layers of both vocabularies", "[reduction_layers]") {
  const Values x = random_values(48, 8, -1, 2);  // [2, 4, 2, 3]
  const Shape shape{2, 4, 2, 3};
  const auto lrn = [&](auto inside, double divisor) {
    Values y;
    for (std::size_t i = 0; i < 48; ++i) {
      double s = 0;
      for (std::size_t j = 0; j < 48; ++j)
        if (inside(i, j)) s += static_cast<double>(x[j]) * static_cast<double>(x[j]);
      y.push_back(static_cast<float>(static_cast<double>(x[i]) / std::pow(2 + 0.5 / divisor * s, 0.75)));
    }
    return y;
  };
  const auto distance = [](std::size_t a, std::size_t b) { return a > b ? a - b : b - a; };
  const auto across =
      lrn([&](std::size_t i,
              std::size_t j) { return i / 24 == j / 24 && i % 6 == j % 6 && distance(i / 6, j / 6) <= 1; },
          3);
  const auto within = lrn(
      [&](std::size_t i, std::size_t j) {
        return i / 6 == j / 6 && distance(i % 3, j % 3) <= 1 && distance(i / 3 % 2, j / 3 % 2) <= 1;
      },
      9);
  const Pairs norm{{"alpha", "0.5"}, {"beta", "0.75"}, {"k", "2"}, {"local-size", "3"}};
  const auto region = [&](const char* name) {
    Pairs attributes = norm;
    attributes.emplace_back("region", name);
    return run(OneLayer(6, "Norm", attributes).input(shape).output(shape), {x}).front();
  };
  CHECK(near(region("across"), across));
  CHECK(near(region("same"), within));
  const Pairs lrn1{{"alpha", "0.5"}, {"beta", "0.75"}, {"bias", "2"}, {"size", "3"}};
  CHECK(near(run(OneLayer(10, "LRN", lrn1).input(shape).ints({1}), {x}).front(), across));
  CHECK(near(run(OneLayer(10, "LRN", lrn1).input(shape).ints({2, -1}), {x}).front(), within));
  CHECK_THROWS_AS(
      OneLayer(6, "Norm", {{"alpha", "1"}, {"beta", "1"}, {"local-size", "0"}}).input(shape).graph(),
      FormatError);

  const auto along = [&](auto same, auto f) {
    Values y;
    for (std::size_t i = 0; i < 48; ++i) {
      double sum = 0, squares = 0, count = 0;
      for (std::size_t j = 0; j < 48; ++j)
        if (same(i, j)) {
          sum += static_cast<double>(x[j]);
          squares += static_cast<double>(x[j]) * static_cast<double>(x[j]);
          ++count;
        }
      y.push_back(static_cast<float>(f(static_cast<double>(x[i]), sum / count, squares, count, i)));
    }
    return y;
  };
  const auto pixel = [](std::size_t i, std::size_t j) { return i / 24 == j / 24 && i % 6 == j % 6; };
  const auto sample = [](std::size_t i, std::size_t j) { return i / 24 == j / 24; };
  const auto plane = [](std::size_t i, std::size_t j) { return i / 6 == j / 6; };
  const Values weights{1, 2, 3, 4};
  const auto l2 = [&](double v, double, double squares, double, std::size_t i) {
    return v / std::sqrt(squares + 0.5) * static_cast<double>(weights[i / 6 % 4]);
  };
  const auto normalize = [&](const char* spatial) {
    return run(OneLayer(6, "Normalize",
                        {{"eps", "0.5"}, {"across_spatial", spatial}, {"channel_shared", "0"}})
                   .input(shape)
                   .blob("weights", weights)
                   .output(shape),
               {x})
        .front();
  };
  CHECK(near(normalize("0"), along(pixel, l2)));
  CHECK(near(normalize("1"), along(sample, l2)));
  const auto unit = [](double v, double, double squares, double, std::size_t) {
    return v / std::sqrt(squares + 0.5);
  };
  CHECK(
      near(run(OneLayer(10, "NormalizeL2", {{"eps", "0.5"}, {"eps_mode", "add"}}).input(shape).ints({1}), {x})
               .front(),
           along(pixel, unit)));
  CHECK(near(
      run(OneLayer(10, "NormalizeL2", {{"eps", "9"}, {"eps_mode", "max"}}).input(shape).ints({1, 2, 3}), {x})
          .front(),
      along(sample,
            [](double v, double, double s, double, std::size_t) { return v / std::sqrt(std::fmax(s, 9)); })));
  CHECK(near(run(OneLayer(6, "GRN", {{"bias", "0.5"}}).input(shape).output(shape), {x}).front(),
             along(pixel, unit)));
  CHECK(near(run(OneLayer(10, "GRN", {{"bias", "0.5"}}).input(shape), {x}).front(), along(pixel, unit)));

  const auto mvn = [](double v, double mean, double squares, double count, std::size_t) {
    return (v - mean) / std::sqrt(squares / count - mean * mean + 0.1);
  };
  const auto centred = [](double v, double mean, double, double, std::size_t) { return v - mean; };
  for (const bool legacy : {true, false})
    for (const bool whole : {true, false})
      for (const bool variance : {true, false}) {
        const Pairs attributes{{"across_channels", whole ? "1" : "0"},
                               {"normalize_variance", variance ? "true" : "false"},
                               {"eps", "0.1"}};
        const OneLayer layer = legacy ? OneLayer(6, "MVN", attributes).input(shape).output(shape)
                                      : OneLayer(10, "MVN", attributes, "opset2").input(shape);
        const Values expected = variance ? (whole ? along(sample, mvn) : along(plane, mvn))
                                         : (whole ? along(sample, centred) : along(plane, centred));
        CHECK(near(run(layer, {x}).front(), expected));
      }
  const auto mvn6 = [&](const char* mode, std::vector<std::int64_t> axes) {
    return run(OneLayer(11, "MVN", {{"normalize_variance", "true"}, {"eps", "0.1"}, {"eps_mode", mode}},
                        "opset6")
                   .input(shape)
                   .ints(axes),
               {x})
        .front();
  };
  CHECK(near(mvn6("inside_sqrt", {2, 3}), along(plane, mvn)));
  CHECK(near(mvn6("OUTSIDE_SQRT", {-1, 1, 2}),
             along(sample, [](double v, double mean, double squares, double count, std::size_t) {
               return (v - mean) / (std::sqrt(squares / count - mean * mean) + 0.1);
             })));
  CHECK(near(run(OneLayer(11, "GroupNormalization", {{"num_groups", "2"}, {"epsilon", "0.1"}}, "opset12")
                     .input(shape)
                     .constant<float>({4}, weights)
                     .input({4}),
                 {x, {4, 3, 2, 1}})
                 .front(),
             along([](std::size_t i, std::size_t j) { return i / 12 == j / 12; },
                   [&](double v, double mean, double squares, double count, std::size_t i) {
                     return mvn(v, mean, squares, count, i) * static_cast<double>(weights[i / 6 % 4]) + 4 -
                            static_cast<double>(i / 6 % 4);
                   })));
  CHECK(near(run(OneLayer(10, "BatchNormInference", {{"epsilon", "0.5"}}, "opset5")
                     .input(shape)
                     .input({4})
                     .constant<float>({4}, {1, 1, 2, 2})
                     .constant<float>({4}, {0, 1, 0, 1})
                     .constant<float>({4}, {1, 2, 3, 4}),
                 {x, weights})
                 .front(),
             along(plane, [&](double v, double, double, double, std::size_t i) {
               const auto c = i / 6 % 4;
               return (v - static_cast<double>(c % 2)) / std::sqrt(static_cast<double>(c) + 1.5) *
                          static_cast<double>(weights[c]) +
                      (c < 2 ? 1 : 2);
             })));
}

TEST_CASE("the best elements in both vocabularies", "[reduction_layers]") {
  const Values x{3, 9, 1, 9, 5, /**/ 2, 2, 8, 0, 1};
  const auto legacy = OneLayer(6, "TopK", {{"axis", "1"}, {"mode", "max"}})
                          .input({2, 5})
                          .ints({2})
                          .output({2, 2})
                          .output({2, 2});
  CHECK(run(legacy, {x}) == std::vector<Values>{{9, 9, 2, 8}, {1, 3, 0, 2}});
  const auto by_value = [&](const char* mode, const char* type) {
    return run(
        OneLayer(11, "TopK",
                 {{"axis", "-1"}, {"mode", mode}, {"sort", "value"}, {"index_element_type", type}}, "opset3")
            .input({2, 5})
            .constant<std::int64_t>({}, {2})
            .output({2, 2})
            .output({2, 2}),
        {x});
  };
  CHECK(by_value("max", "i32") == std::vector<Values>{{9, 9, 8, 2}, {1, 3, 2, 0}});
  CHECK(by_value("min", "i64") == std::vector<Values>{{1, 3, 0, 1}, {2, 0, 3, 4}});
  CHECK_THROWS_WITH(by_value("median", "i64"), Contains("\"median\""));
  CHECK_THROWS_WITH(by_value("max", "f32"), Contains("\"f32\""));

  CHECK(run(OneLayer(6, "ArgMax", {{"top_k", "2"}}).input({2, 5, 1, 1}).output({2, 1, 2, 1}), {x}).front() ==
        Values{1, 3, 2, 0});
  CHECK(
      run(OneLayer(6, "ArgMax", {{"top_k", "2"}, {"out_max_val", "1"}}).input({2, 5}).output({2, 2, 2}), {x})
          .front() == Values{1, 3, 9, 9, 2, 0, 8, 2});
  CHECK(
      run(OneLayer(6, "ArgMax", {{"top_k", "1"}, {"axis", "1"}}).input({2, 5}).output({2, 1}), {x}).front() ==
      Values{1, 2});
  CHECK(run(OneLayer(6, "ArgMax", {{"top_k", "1"}, {"axis", "1"}, {"out_max_val", "1"}})
                .input({2, 5})
                .output({2, 1}),
            {x})
            .front() == Values{9, 8});
  CHECK(run(OneLayer(10, "CumSum", {{"reverse", "true"}}, "opset3")
                .input({2, 5})
                .constant<std::int64_t>({}, {1}),
            {x})
            .front() == Values{27, 24, 15, 14, 5, 13, 11, 9, 1, 1});
}

TEST_CASE("an axis that is no number is an error", "[reduction_layers]") {
  for (const int version : {6, 10})
    for (const std::vector<std::int64_t>& axis : {std::vector<std::int64_t>{}, {0, 1}})
      CHECK_THROWS_AS(
          OneLayer(version, "CumSum", {}, "opset3").input({2, 5}).ints(axis).output({2, 5}).graph(),
          FormatError);
}

TEST_CASE("reductions over separate axes, of logarithms and of truth", "[reduction_layers]") {
  const Values x = random_values(24, 9, 0.5F, 2);  // [2, 3, 4]
  const auto over = [&](auto f) {
    Values y;
    for (std::size_t c = 0; c < 3; ++c) {
      double sum = 0;
      for (std::size_t i = 0; i < 24; ++i)
        if (i / 4 % 3 == c) sum += f(static_cast<double>(x[i]));
      y.push_back(static_cast<float>(sum));
    }
    return y;
  };
  const auto opset = [&](const char* type) {
    return run(OneLayer(10, type, {}, "opset4").input({2, 3, 4}).ints({0, -1}), {x}).front();
  };
  const auto legacy = [&](const char* type) {
    return run(OneLayer(6, type, {{"keep_dims", "False"}}).input({2, 3, 4}).ints({0, 2}).output({3}), {x})
        .front();
  };
  const auto root = [](Values v) { return mapped(v, [](double e) { return std::sqrt(e); }); };
  const auto logarithm = [](Values v) { return mapped(v, [](double e) { return std::log(e); }); };
  CHECK(near(opset("ReduceSum"), over([](double v) { return v; })));
  CHECK(near(opset("ReduceMean"), over([](double v) { return v / 8; })));
  CHECK(near(opset("ReduceL1"), over([](double v) { return v; })));
  CHECK(near(opset("ReduceL2"), root(over([](double v) { return v * v; }))));
  CHECK(near(legacy("ReduceSumSquare"), over([](double v) { return v * v; })));
  CHECK(near(legacy("ReduceLogSum"), logarithm(over([](double v) { return v; }))));
  CHECK(near(legacy("ReduceLogSumExp"), logarithm(over([](double v) { return std::exp(v); }))));
  CHECK(near(run(OneLayer(6, "ReduceLogSumExp", {}).input({2}).ints({0}).output({1}), {{500, 500}}).front(),
             {500 + std::log(2.0F)}));
  CHECK(run(OneLayer(10, "ReduceLogicalAnd", {{"keep_dims", "true"}}).input({2, 2}).ints({1}), {{1, 0, 2, 3}})
            .front() == Values{0, 1});
  CHECK(run(OneLayer(6, "ReduceOr", {}).input({2, 2}).ints({1}).output({2, 1}), {{1, 0, 0, 0}}).front() ==
        Values{1, 0});
}

TEST_CASE("matrix products with all their attributes", "[reduction_layers]") {
  const Values a = random_values(6, 10), b = random_values(12, 11), c = random_values(4, 12);
  const auto expected = [&](double alpha, double beta) {
    Values y;
    for (std::size_t m = 0; m < 2; ++m)
      for (std::size_t n = 0; n < 4; ++n) {
        double sum = 0;
        for (std::size_t k = 0; k < 3; ++k)
          sum += static_cast<double>(a[m * 3 + k]) * static_cast<double>(b[k * 4 + n]);
        y.push_back(static_cast<float>(alpha * sum + beta * static_cast<double>(c[n])));
      }
    return y;
  };
  const auto gemm = [](Pairs attributes) {
    return OneLayer(6, "Gemm", std::move(attributes)).output({2, 4});
  };
  CHECK(near(run(gemm({}).input({2, 3}).input({3, 4}), {a, b}).front(), expected(1, 0)));
  CHECK(near(run(gemm({{"alpha", "0.5"}}).input({2, 3}).input({3, 4}), {a, b}).front(), expected(0.5, 0)));
  CHECK(near(
      run(gemm({{"alpha", "2"}, {"beta", "3"}}).input({2, 3}).input({3, 4}).input({1, 4}), {a, b, c}).front(),
      expected(2, 3)));
  CHECK(
      near(run(gemm({{"beta", "1"}}).input({2, 3}).constant<float>({3, 4}, b).constant<float>({1, 4}, c), {a})
               .front(),
           expected(1, 1)));
  Values transposed(12);
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t n = 0; n < 4; ++n) transposed[n * 3 + k] = b[k * 4 + n];
  CHECK(near(run(gemm({{"transpose_b", "1"}}).input({2, 3}).input({4, 3}), {a, transposed}).front(),
             expected(1, 0)));
  CHECK(
      near(run(OneLayer(10, "MatMul", {{"transpose_b", "true"}}).input({2, 3}).input({4, 3}), {a, transposed})
               .front(),
           expected(1, 0)));
  CHECK_THROWS_AS(gemm({}).input({3}).input({3, 4}).graph(), FormatError);
}

TEST_CASE("attention is two products around a softmax", "[reduction_layers]") {
  constexpr std::size_t length = 3, keys = 4, depth = 2;
  const Values q = random_values(2 * length * depth, 13), k = random_values(2 * keys * depth, 14),
               v = random_values(2 * keys * 5, 15);
  const auto expected = [&](double scale, const std::function<double(std::size_t, std::size_t)>& bias) {
    Values y;
    for (std::size_t batch = 0; batch < 2; ++batch)
      for (std::size_t row = 0; row < length; ++row) {
        std::vector<double> weight(keys);
        double sum = 0;
        for (std::size_t key = 0; key < keys; ++key) {
          double score = 0;
          for (std::size_t e = 0; e < depth; ++e)
            score += static_cast<double>(q[(batch * length + row) * depth + e]) *
                     static_cast<double>(k[(batch * keys + key) * depth + e]);
          sum += weight[key] = std::exp(score * scale + bias(row, key));
        }
        for (std::size_t e = 0; e < 5; ++e) {
          double result = 0;
          for (std::size_t key = 0; key < keys; ++key)
            result += weight[key] / sum * static_cast<double>(v[(batch * keys + key) * 5 + e]);
          y.push_back(static_cast<float>(result));
        }
      }
    return y;
  };
  const auto attention = [](const char* causal) {
    return OneLayer(11, "ScaledDotProductAttention", {{"causal", causal}}, "opset13")
        .input({2, length, depth})
        .input({2, keys, depth})
        .input({2, keys, 5});
  };
  const double usual = 1 / std::sqrt(2.0);
  CHECK(near(run(attention("false"), {q, k, v}).front(), expected(usual, [](auto, auto) { return 0.0; })));
  CHECK(near(run(attention("true"), {q, k, v}).front(),
             expected(usual, [](std::size_t row, std::size_t key) { return key > row ? -INFINITY : 0.0; })));
  const Values mask = random_values(length * keys, 16);
  CHECK(near(run(attention("false").constant<float>({length, keys}, mask).constant<float>({}, {2}), {q, k, v})
                 .front(),
             expected(2, [&](std::size_t row, std::size_t key) {
               return static_cast<double>(mask[row * keys + key]);
             })));
}
