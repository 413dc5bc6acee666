#include <cmath>

#include "engine/core/error.h"
#include "engine/ops/eltwise.h"
#include "tests/formats/layer_values.h"

// Layers of both vocabularies that compute element by element, run as they are read, against values from their definitions.

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

struct Unary {
  const char *legacy, *opset;  ///< nullptr: not in this vocabulary
  int since;
  Pairs attributes;
  Function f;
  float low, high;
};

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
