#include <cmath>
#include <functional>

#include "engine/core/error.h"
#include "engine/ops/eltwise.h"
#include "engine/runtime/program.h"
#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

// Layers of both vocabularies, run as they are read, against values from their definitions.

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

using Values = std::vector<float>;

Values random_values(std::size_t count, std::uint64_t seed, float low = -2, float high = 2) {
  Random random(seed);
  Values values(count);
  random.fill_real(values, low, high);
  return values;
}

std::vector<Values> run(const OneLayer& layer, const std::vector<Values>& inputs) {
  CompileOptions options = default_options();
  options.int8 = false;
  Session session(Program::compile(layer.graph(), options), 1);
  REQUIRE(session.program().inputs().size() == inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    REQUIRE(session.input(i).size() == inputs[i].size());
    std::copy(inputs[i].begin(), inputs[i].end(), session.input(i).begin());
  }
  session.run();
  std::vector<Values> outputs;
  for (std::size_t i = 0; i < session.program().outputs().size(); ++i)
    outputs.emplace_back(session.output(i).begin(), session.output(i).end());
  return outputs;
}

bool near(const Values& actual, const Values& expected, double tolerance = 2e-5) {
  if (actual.size() != expected.size()) return false;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = static_cast<double>(actual[i]), e = static_cast<double>(expected[i]);
    if (std::isnan(a) && std::isnan(e)) continue;
    if (!(std::fabs(a - e) <= tolerance * std::fmax(1.0, std::fabs(e)))) return false;
  }
  return true;
}

using Function = std::function<double(double)>;

struct Unary {
  const char *legacy, *opset;  ///< nullptr: not in this vocabulary
  int since;
  Pairs attributes;
  Function f;
  float low, high;
};

Values mapped(const Values& x, const Function& f) {
  Values y;
  for (const float v : x) y.push_back(static_cast<float>(f(static_cast<double>(v))));
  return y;
}

}  // namespace

TEST_CASE("functions of one element in both vocabularies", "[math_layers]") {
  const auto ramp = [](double v) { return std::fmin(std::fmax(v, 0.0), 6.0); };
  const Unary table[] = {
      {"Acos", "Acos", 1, {}, [](double x) { return std::acos(x); }, -0.9F, 0.9F},
      {"Acosh", "Acosh", 4, {}, [](double x) { return std::acosh(x); }, 1.1F, 4},
      {"Asin", "Asin", 1, {}, [](double x) { return std::asin(x); }, -0.9F, 0.9F},
      {"Asinh", "Asinh", 4, {}, [](double x) { return std::asinh(x); }, -4, 4},
      {"Atan", "Atan", 1, {}, [](double x) { return std::atan(x); }, -4, 4},
      {"Atanh", "Atanh", 3, {}, [](double x) { return std::atanh(x); }, -0.9F, 0.9F},
      {"Ceil", "Ceiling", 1, {}, [](double x) { return std::ceil(x); }, -4, 4},
      {"Cos", "Cos", 1, {}, [](double x) { return std::cos(x); }, -4, 4},
      {"Cosh", "Cosh", 1, {}, [](double x) { return std::cosh(x); }, -4, 4},
      {"Sin", "Sin", 1, {}, [](double x) { return std::sin(x); }, -4, 4},
      {"Sinh", "Sinh", 1, {}, [](double x) { return std::sinh(x); }, -4, 4},
      {"Tan", "Tan", 1, {}, [](double x) { return std::tan(x); }, -1, 1},
      {"Sign", "Sign", 1, {}, [](double x) { return x > 0 ? 1.0 : -1.0; }, -4, 4},
      {"SoftSign", "SoftSign", 9, {}, [](double x) { return x / (1 + std::fabs(x)); }, -4, 4},
      {"Selu",
       nullptr,
       1,
       {},
       [](double x) { return 1.0507 * (x > 0 ? x : 1.67326 * std::expm1(x)); },
       -4,
       4},
      {"Selu",
       nullptr,
       1,
       {{"alpha", "2"}, {"gamma", "3"}},
       [](double x) { return 3 * (x > 0 ? x : 2 * std::expm1(x)); },
       -4,
       4},
      {"Not", "LogicalNot", 1, {}, [](double x) { return x == 0 ? 1.0 : 0.0; }, 1, 2},
      {nullptr, "Round", 5, {}, [](double x) { return std::nearbyint(x); }, -4, 4},
      {nullptr, "Round", 5, {{"mode", "half_away_from_zero"}}, [](double x) { return std::round(x); }, -4, 4},
      {nullptr, "IsNaN", 10, {}, [](double) { return 0.0; }, -4, 4},
      {nullptr, "IsFinite", 10, {}, [](double) { return 1.0; }, -4, 4},
      {nullptr, "IsInf", 10, {{"detect_negative", "false"}}, [](double) { return 0.0; }, -4, 4},
      {nullptr, "HSwish", 4, {}, [=](double x) { return x * ramp(x + 3) / 6; }, -5, 5},
      {nullptr, "Mish", 4, {}, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, -5, 5},
      {"Log", "Log", 1, {}, [](double x) { return std::log(x); }, 0.1F, 9},
      {"Exp", "Exp", 1, {}, [](double x) { return std::exp(x); }, -4, 4},
      {"Abs", "Abs", 1, {}, [](double x) { return std::fabs(x); }, -4, 4},
      {"Sqrt", "Sqrt", 1, {}, [](double x) { return std::sqrt(x); }, 0, 9},
      {"Neg", "Negative", 1, {}, [](double x) { return -x; }, -4, 4},
      {"Erf", "Erf", 1, {}, [](double x) { return std::erf(x); }, -3, 3},
      {"Floor", "Floor", 1, {}, [](double x) { return std::floor(x); }, -4, 4},
      {"Square", nullptr, 1, {}, [](double x) { return x * x; }, -4, 4},
      {"Reciprocal", nullptr, 1, {}, [](double x) { return 1 / x; }, 0.2F, 4},
      {"Soft_ReLU", "SoftPlus", 4, {}, [](double x) { return std::log1p(std::exp(x)); }, -5, 5},
      {"Bounded_ReLU",
       nullptr,
       1,
       {{"alpha", "2.5"}},
       [](double x) { return std::fmin(std::fmax(x, 0.0), 2.5); },
       -4,
       4},
      {"Sigmoid", "Sigmoid", 1, {}, [](double x) { return 1 / (1 + std::exp(-x)); }, -6, 6},
      {"TanH", "Tanh", 1, {}, [](double x) { return std::tanh(x); }, -4, 4},
  };
  for (const Unary& c : table) {
    const Values x = random_values(24, 3, c.low, c.high), expected = mapped(x, c.f);
    CAPTURE(c.legacy == nullptr ? c.opset : c.legacy);
    if (c.legacy != nullptr) {
      CHECK(
          near(run(OneLayer(6, c.legacy, c.attributes).input({1, 2, 3, 4}).output({1, 2, 3, 4}), {x}).front(),
               expected));
      Pairs wrapped = c.attributes;
      wrapped.emplace_back("type", c.legacy);
      CHECK(
          near(run(OneLayer(5, "Activation", wrapped).input({1, 2, 3, 4}).output({1, 2, 3, 4}), {x}).front(),
               expected));
    }
    if (c.opset != nullptr)
      CHECK(near(
          run(OneLayer(11, c.opset, c.attributes, "opset" + std::to_string(c.since)).input({1, 2, 3, 4}), {x})
              .front(),
          expected));
  }
}

TEST_CASE("functions of two operands in both vocabularies", "[math_layers]") {
  using Two = double (*)(double, double);
  struct Binary {
    const char *legacy, *opset;  ///< the word of an Eltwise, and the operation
    Two f;
  };
  const Binary table[] = {
      {"min", "Minimum", [](double a, double b) { return std::fmin(a, b); }},
      {"max", "Maximum", [](double a, double b) { return std::fmax(a, b); }},
      {"sub", "Subtract", [](double a, double b) { return a - b; }},
      {"div", "Divide", [](double a, double b) { return a / b; }},
      {"squared_diff", "SquaredDifference", [](double a, double b) { return (a - b) * (a - b); }},
      {nullptr, "Mod", [](double a, double b) { return std::fmod(a, b); }},
      {"floor_mod", "FloorMod", [](double a, double b) { return a - std::floor(a / b) * b; }},
      {"mean", nullptr, [](double a, double b) { return (a + b) / 2; }}};
  const Values a = random_values(24, 5, -4, 4);
  for (const Binary& c : table)
    for (const bool broadcast : {false, true}) {
      CAPTURE(c.legacy == nullptr ? c.opset : c.legacy, broadcast);
      const Shape second = broadcast ? Shape{1, 2, 1, 1} : Shape{1, 2, 3, 4};
      const Values b = random_values(broadcast ? 2 : 24, 6, 0.5F, 3);
      Values expected;
      for (std::size_t i = 0; i < a.size(); ++i)
        expected.push_back(static_cast<float>(c.f(double{a[i]}, double{b[broadcast ? i / 12 : i]})));
      if (c.legacy != nullptr)
        CHECK(near(
            run(OneLayer(6, "Eltwise", {{"operation", c.legacy}}).input({1, 2, 3, 4}).input(second), {a, b})
                .front(),
            expected));
      if (c.opset != nullptr)
        CHECK(
            near(run(OneLayer(10, c.opset, {}).input({1, 2, 3, 4}).input(second), {a, b}).front(), expected));
    }
}

TEST_CASE("reductions in both vocabularies", "[math_layers]") {
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
          "[math_layers]") {
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

TEST_CASE("functions with parameters as inputs", "[math_layers]") {
  const Values x = random_values(12, 4, -4, 4);
  const auto selu = OneLayer(10, "Selu", {}).input({3, 4}).constant<float>({}, {2}).constant<float>({1}, {3});
  CHECK(
      near(run(selu, {x}).front(), mapped(x, [](double v) { return 3 * (v > 0 ? v : 2 * std::expm1(v)); })));
  const auto swish = OneLayer(10, "Swish", {}, "opset4").input({3, 4}).input({});
  CHECK(near(run(swish, {x, {1.5F}}).front(),
             mapped(x, [](double v) { return v / (1 + std::exp(-1.5 * v)); })));
  for (const auto& [k, f] :
       std::vector<std::pair<float, Function>>{{2.0F, [](double v) { return v * v; }},
                                               {3.0F, [](double v) { return v * v * v; }},
                                               {-1.0F, [](double v) { return 1 / v; }},
                                               {0.5F, [](double v) { return std::sqrt(v); }},
                                               {1.7F, [](double v) { return std::pow(v, 1.7); }}}) {
    const Values positive = random_values(12, 5, 0.5F, 3);
    CHECK(near(run(OneLayer(10, "Power", {}).input({3, 4}).constant<float>({}, {k}), {positive}).front(),
               mapped(positive, f)));
  }
  CHECK_THROWS_WITH(OneLayer(10, "Round", {{"mode", "up"}}, "opset5").input({2}).graph(), Contains("\"up\""));
  CHECK_THROWS_WITH(OneLayer(10, "BitwiseNot", {}, "opset13").input({2}).graph(),
                    Contains("not of integers"));
}

TEST_CASE("slopes of any shape, constant or not", "[math_layers]") {
  const Values x = random_values(24, 6);
  const auto expected = [&](const std::function<std::size_t(std::size_t)>& at, const Values& slope) {
    Values y = x;
    for (std::size_t i = 0; i < y.size(); ++i)
      if (y[i] < 0) y[i] *= slope[at(i)];
    return y;
  };
  const Values two{0.5F, -2}, four{1, 2, 3, 4};
  const auto channel = [](std::size_t i) { return i / 12; };
  const auto column = [](std::size_t i) { return i % 4; };
  CHECK(near(run(OneLayer(10, "PReLU", {}).input({1, 2, 3, 4}).constant<float>({2}, two), {x}).front(),
             expected(channel, two)));
  CHECK(near(run(OneLayer(10, "PReLU", {}).input({1, 2, 3, 4}).input({2}), {x, two}).front(),
             expected(channel, two)));
  CHECK(near(
      run(OneLayer(10, "PReLU", {}).input({1, 2, 3, 4}).constant<float>({1, 1, 1, 4}, four), {x}).front(),
      expected(column, four)));
  CHECK(near(run(OneLayer(7, "PReLU", {}).input({1, 2, 3, 4}).input({2, 1, 1}).output({1, 2, 3, 4}), {x, two})
                 .front(),
             expected(channel, two)));
}

TEST_CASE("comparisons give booleans in operation sets and numbers in old files", "[math_layers]") {
  const Values a{1, 2, 3, 4, 5, 6}, b{3, 2, 1};
  struct Case {
    const char *legacy, *opset;
    Values expected;
  };
  for (const Case& c :
       {Case{"equal", "Equal", {0, 1, 0, 0, 0, 0}}, Case{"not_equal", "NotEqual", {1, 0, 1, 1, 1, 1}},
        Case{"less", "Less", {1, 0, 0, 0, 0, 0}}, Case{"less_equal", "LessEqual", {1, 1, 0, 0, 0, 0}},
        Case{"greater", "Greater", {0, 0, 1, 1, 1, 1}},
        Case{"greater_equal", "GreaterEqual", {0, 1, 1, 1, 1, 1}},
        Case{"logical_and", "LogicalAnd", {1, 1, 1, 1, 1, 1}},
        Case{"logical_xor", "LogicalXor", {0, 0, 0, 0, 0, 0}}}) {
    CAPTURE(c.opset);
    const Graph old =
        OneLayer(6, "Eltwise", {{"operation", c.legacy}}).input({2, 3}).input({1, 3}).output({2, 3}).graph();
    CHECK(old.value(old.outputs.front()).dtype == DType::f32);
    CHECK(run(OneLayer(6, "Eltwise", {{"operation", c.legacy}}).input({2, 3}).input({1, 3}).output({2, 3}),
              {a, b})
              .front() == c.expected);
    const OneLayer layer = OneLayer(10, c.opset, {}).input({2, 3}).input({3});
    CHECK(layer.graph().value(layer.graph().outputs.front()).dtype == DType::boolean);
    CHECK(run(layer, {a, b}).front() == c.expected);
  }
  CHECK(run(OneLayer(6, "Eltwise", {{"operation", "mean"}}).input({2}).input({2}).input({2}).output({2}),
            {{1, 2}, {3, 4}, {5, 9}})
            .front() == Values{3, 5});
  CHECK(run(OneLayer(6, "Eltwise", {{"operation", "logical_not"}}).input({3}).output({3}), {{0, 2, -1}})
            .front() == Values{1, 0, 0});
}

TEST_CASE("operands are aligned by the rule that the layer names", "[math_layers]") {
  const Values x = random_values(24, 7), k{10, 20, 30};
  Values expected = x;
  for (std::size_t i = 0; i < 24; ++i) expected[i] += k[i / 4 % 3];
  const auto add = [](Pairs attributes, const Shape& shape) {
    return OneLayer(10, "Add", std::move(attributes)).input({2, 3, 4}).input(shape);
  };
  CHECK(run(add({{"auto_broadcast", "pdpd"}, {"axis", "1"}}, {3}), {x, k}).front() == expected);
  CHECK(run(add({{"auto_broadcast", "pdpd"}, {"axis", "1"}}, {3, 1}), {x, k}).front() == expected);
  CHECK(run(add({{"auto_broadcast", "pdpd"}}, {3, 1}), {x, k}).front() == expected);
  CHECK(run(add({}, {3, 1}), {x, k}).front() == expected);
  CHECK_THROWS_WITH(add({{"auto_broadcast", "none"}}, {3, 1}).graph(), Contains("auto_broadcast is 'none'"));
  CHECK_THROWS_WITH(add({{"auto_broadcast", "pdpd"}, {"axis", "2"}}, {3, 4}).graph(),
                    Contains("cannot be aligned"));
  CHECK_THROWS_WITH(add({{"auto_broadcast", "pdpd"}, {"axis", "9223372036854775807"}}, {3}).graph(),
                    Contains("cannot be aligned"));
  CHECK_THROWS_WITH(add({{"auto_broadcast", "other"}}, {4}).graph(), Contains("\"other\""));
  const auto select = OneLayer(10, "Select", {}).input({4}).input({2, 3, 4}).constant<float>({}, {-9});
  const Values chosen = run(select, {{1, 0, 1, 0}, x}).front();
  for (std::size_t i = 0; i < 24; ++i) CHECK(chosen[i] == (i % 2 == 0 ? x[i] : -9));
}

TEST_CASE("normalization layers of both vocabularies", "[math_layers]") {
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

TEST_CASE("the best elements in both vocabularies", "[math_layers]") {
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

TEST_CASE("an axis that is no number is an error", "[math_layers]") {
  for (const int version : {6, 10})
    for (const std::vector<std::int64_t>& axis : {std::vector<std::int64_t>{}, {0, 1}})
      CHECK_THROWS_AS(
          OneLayer(version, "CumSum", {}, "opset3").input({2, 5}).ints(axis).output({2, 5}).graph(),
          FormatError);
}

TEST_CASE("reductions over separate axes, of logarithms and of truth", "[math_layers]") {
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

TEST_CASE("matrix products with all their attributes", "[math_layers]") {
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

TEST_CASE("attention is two products around a softmax", "[math_layers]") {
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

namespace {

/// The nearest of all numbers of an 8-bit format, of two equally near the one with an even last bit; beyond the largest that.
float nearest_of_format(float x, int exponent_bits, float largest) {
  const int mantissa_bits = 7 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  double best = 0;
  bool even = true;
  for (int code = 0; code < 128; ++code) {
    const int exponent = code >> mantissa_bits, mantissa = code & ((1 << mantissa_bits) - 1);
    const double fraction = mantissa / std::ldexp(1.0, mantissa_bits);
    const double value =
        exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
    if (value > static_cast<double>(largest)) continue;
    const double target = std::fabs(static_cast<double>(x));
    const double now = std::fabs(value - target), before = std::fabs(best - target);
    if (now < before || (now == before && (code & 1) == 0 && !even)) best = value, even = (code & 1) == 0;
  }
  return static_cast<float>(x < 0 ? -best : best);
}

}  // namespace

TEST_CASE("FakeConvert rounds to the numbers of 8 bits", "[opset]") {
  struct Format {
    const char* name;
    int exponent_bits;
    float largest;
  };
  Values x = random_values(512, 3, -2, 2);
  for (std::size_t i = 0; i < x.size(); i += 2) x[i] = std::ldexp(x[i], static_cast<int>(i % 40) - 24);
  x.insert(x.end(),
           {0, 448, 463, 465, 1e9F, -1e9F, 57344, 61439, 1.0625F, 1.1875F, 0x1p-9F, 0x1.8p-10F, 0x1p-17F});
  for (const Format& f : {Format{"f8e4m3", 4, 448.0F}, Format{"f8e5m2", 5, 57344.0F}})
    for (const bool shifted : {false, true}) {
      OneLayer layer(11, "FakeConvert", {{"destination_type", f.name}}, "opset13");
      layer.input({std::ssize(x)}).constant<float>({1}, {0.5F});
      if (shifted) layer.constant<float>({}, {0.25F});
      const Values y = run(layer, {x}).front();
      const float shift = shifted ? 0.25F : 0.0F;
      for (std::size_t i = 0; i < x.size(); ++i) {
        INFO(f.name << " of " << x[i] << " shifted " << shifted);
        CHECK(y[i] == (nearest_of_format(x[i] * 0.5F - shift, f.exponent_bits, f.largest) + shift) / 0.5F);
      }
    }
  CHECK_THROWS_WITH(OneLayer(11, "FakeConvert", {{"destination_type", "f16"}}, "opset13")
                        .input({2})
                        .constant<float>({1}, {1})
                        .graph(),
                    refcalib_test::Contains("attribute 'destination_type' has the unknown value 'f16'"));
}
