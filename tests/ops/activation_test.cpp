#include <functional>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

struct Case {
  const char* function;
  double alpha, beta;
  std::function<double(double)> f;
};

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double ramp(double x, double high) {
  return std::fmin(std::fmax(x, 0.0), high);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"relu", 0, 0, [](double x) { return std::fmax(x, 0.0); }},
      {"leaky_relu", 0.125, 0, [](double x) { return x < 0 ? x * 0.125 : x; }},
      {"clamp", -1, 1.5, [](double x) { return std::fmin(std::fmax(x, -1.0), 1.5); }},
      {"sigmoid", 0, 0, sigmoid},
      {"tanh", 0, 0, [](double x) { return std::tanh(x); }},
      {"exp", 0, 0, [](double x) { return std::exp(x); }},
      {"log", 0, 0, [](double x) { return std::log(x); }},
      {"sqrt", 0, 0, [](double x) { return std::sqrt(x); }},
      {"abs", 0, 0, [](double x) { return std::fabs(x); }},
      {"neg", 0, 0, [](double x) { return -x; }},
      {"erf", 0, 0, [](double x) { return std::erf(x); }},
      {"floor", 0, 0, [](double x) { return std::floor(x); }},
      {"ceil", 0, 0, [](double x) { return std::ceil(x); }},
      {"elu", 0.75, 0, [](double x) { return x < 0 ? 0.75 * std::expm1(x) : x; }},
      {"hswish", 0, 0, [](double x) { return x * ramp(x + 3, 6) / 6; }},
      {"hsigmoid", 0, 0, [](double x) { return ramp(x + 3, 6) / 6; }},
      {"swish", 1.5, 0, [](double x) { return x * sigmoid(1.5 * x); }},
      {"mish", 0, 0, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {"softplus", 0, 0, [](double x) { return std::log1p(std::exp(x)); }},
      {"gelu", 0, 0, [](double x) { return 0.5 * x * std::erfc(-x * std::sqrt(0.5)); }},
      {"gelu_tanh", 0, 0,
       [](double x) {
         return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
       }},
      {"hard_sigmoid", 0.25, 0.5, [](double x) { return ramp(x * 0.25 + 0.5, 1); }},
      {"square", 0, 0, [](double x) { return x * x; }},
      {"reciprocal", 0, 0, [](double x) { return 1 / x; }},
      {"linear", 2, -0.5, [](double x) { return 2 * x - 0.5; }},
      {"affine", 2, -0.5, [](double x) { return 2 * x - 0.5; }},
      {"power", 3, 0, [](double x) { return x * x * x; }},
      {"round", 0, 0, [](double x) { return std::nearbyint(x); }},
      {"round_away", 0, 0, [](double x) { return std::floor(std::fabs(x) + 0.5) * (x < 0 ? -1 : 1); }},
      {"sign", 0, 0, [](double x) { return x > 0   ? 1.0
                                           : x < 0 ? -1.0
                                                   : 0.0; }},
      {"selu", 1.67326, 1.0507, [](double x) { return 1.0507 * (x > 0 ? x : 1.67326 * std::expm1(x)); }},
      {"softsign", 0, 0, [](double x) { return x / (1 + std::fabs(x)); }},
      {"sin", 0, 0, [](double x) { return std::sin(x); }},
      {"cos", 0, 0, [](double x) { return std::cos(x); }},
      {"tan", 0, 0, [](double x) { return std::tan(x); }},
      {"asin", 0, 0, [](double x) { return std::asin(x); }},
      {"acos", 0, 0, [](double x) { return std::acos(x); }},
      {"atan", 0, 0, [](double x) { return std::atan(x); }},
      {"sinh", 0, 0, [](double x) { return std::sinh(x); }},
      {"cosh", 0, 0, [](double x) { return std::cosh(x); }},
      {"asinh", 0, 0, [](double x) { return std::asinh(x); }},
      {"acosh", 0, 0, [](double x) { return std::acosh(x); }},
      {"atanh", 0, 0, [](double x) { return std::atanh(x); }},
      {"logical_not", 0, 0, [](double x) { return x == 0 ? 1.0 : 0.0; }}};
  return table;
}

/// Functions are given numbers that they are defined, and not too steep, for.
Tensor input_for(const Case& c, const Shape& shape) {
  const std::string f = c.function;
  if (f == "acosh") return random_tensor(shape, 3, 1.1F, 5);
  if (f == "asin" || f == "acos" || f == "atanh" || f == "tan") return random_tensor(shape, 3, -0.9F, 0.9F);
  if (f == "logical_not") return generate(shape, [](const Index& at) { return at.back() % 3; });
  return f == "log" || f == "sqrt" || f == "reciprocal" ? random_tensor(shape, 3, 0.2F, 5)
                                                        : random_tensor(shape, 4, -5, 5);
}

}  // namespace

TEST_CASE("activations compute their function in every context", "[activation]") {
  for (const Case& c : cases())
    for (const Shape& shape : {Shape{2, 19, 3, 5}, Shape{37}, Shape{3, 4}, Shape{1, 2, 2, 3, 4, 2}}) {
      const Tensor x = input_for(c, shape);
      const Tensor expected =
          generate(shape, [&](const Index& at) { return c.f(static_cast<double>(value_at(x, at))); });
      for (const Context context : kContexts) {
        if (context != Context::alone && shape.size() != 4) continue;
        INFO(c.function << " " << to_string(shape) << ", " << name_of(context));
        const auto actual = run_in(context, {x}, [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
          return add_activation(b, "y", ids[0], c.function, c.alpha, c.beta);
        });
        CHECK(deviation(actual, expected.data) < 2e-6);
      }
    }
  CHECK(inferred("Activation", Attributes::of(ActivationAttributes{"relu"}), {{2, 3, 4}}) == Shape{2, 3, 4});
}

TEST_CASE("an activation without a kernel is named", "[activation]") {
  GraphBuilder b;
  b.output(add_activation(b, "layer", b.input("x", DType::f32, {2}), "unheard_of"));
  CHECK_THROWS_AS(Program::compile(b.graph(), options_for(Isa::scalar)), UnsupportedError);
  CHECK_THROWS_WITH(Program::compile(b.graph(), options_for(Isa::scalar)),
                    Contains("layer 'layer': activation 'unheard_of' is not supported"));
}

TEST_CASE("roundings of constants fold, other functions wait for the run", "[activation]") {
  const auto fold = [](const char* function) {
    return folded("Activation", Attributes::of(ActivationAttributes{function}),
                  {Constant::f32({4}, {-1.5F, -0.25F, 0.75F, 2})});
  };
  CHECK(fold("floor").to_floats() == std::vector<float>{-2, -1, 0, 2});
  CHECK(fold("ceil").to_floats() == std::vector<float>{-1, 0, 1, 2});
  GraphBuilder b;
  const ValueId c = b.constant("c", Constant::f32({2}, {-1, 1}));
  b.output(add_activation(b, "y", c, "relu"));
  CHECK(run_everywhere(b.finish(), {}).front() == std::vector<float>{0, 1});
}

TEST_CASE("activations between integer layers are tables of the float function", "[activation][int8]") {
  const Scale in{{0.04F}, 120}, out{{0.023F}, 99};
  const Shape shape{2, 19, 3, 5};
  for (const Case& c : cases()) {
    const std::string f = c.function;
    if (f == "log" || f == "sqrt" || f == "reciprocal" || f == "acosh" || f == "asin" || f == "acos" ||
        f == "atanh" || f == "tan" || f.starts_with("round") || f == "sign" || f == "logical_not")
      continue;                   // not a number, infinite, or stepping at some integers
    if (f == "affine") continue;  // stays in float
    INFO(f);
    const Tensor x = random_tensor(shape, 8, -5, 5);
    GraphBuilder b;
    const ValueId i = b.input("x", DType::f32, shape);
    const ValueId pixels = add_identity(b, "pixels", i);
    const ValueId y = add_activation(b, "y", pixels, c.function, c.alpha, c.beta);
    b.output(add_unit_convolution(b, "z", y));
    quantize_value(b.graph(), i, in.scale, in.zero_point);
    quantize_value(b.graph(), pixels, in.scale, in.zero_point);
    quantize_value(b.graph(), y, out.scale, out.zero_point);
    const Recorder seen = observe_everywhere(b.finish(), {x});
    REQUIRE(seen.dtype("y") == DType::u8);
    // The function itself may differ by its error; the nearest integer only where that error crosses a middle.
    std::size_t off = 0;
    for (std::size_t k = 0; k < x.data.size(); ++k) {
      const double exact = c.f(static_cast<double>(in.stored(x.data[k])));
      const float expected = out.stored(static_cast<float>(exact));
      if (seen.at("y")[k] != expected) {
        ++off;
        CHECK(std::fabs(seen.at("y")[k] - expected) <= out.of(0) * 1.001F);
      }
    }
    CHECK(off <= x.data.size() / 50);
  }
}

TEST_CASE("a table saturates and maps not-a-number to the low end", "[activation][int8]") {
  const Shape shape{1, 1, 1, 256};
  const Scale in{{0.05F}, 128}, out{{0.01F}, 10};
  const Tensor x = generate(shape, [](const Index& at) { return static_cast<float>(at[3] - 128) * 0.05F; });
  GraphBuilder b;
  const ValueId i = b.input("x", DType::f32, shape);
  const ValueId y = add_activation(b, "y", i, "log");
  b.output(add_unit_convolution(b, "z", y));
  quantize_value(b.graph(), i, in.scale, in.zero_point);
  quantize_value(b.graph(), y, out.scale, out.zero_point);
  const Recorder seen = observe_everywhere(b.finish(), {x});
  const float lowest = out.dequantize(0), highest = out.dequantize(255);
  for (std::size_t k = 0; k <= 128; ++k) CHECK(seen.at("y")[k] == lowest);
  CHECK(seen.at("y")[255] == out.stored(std::log(127 * 0.05F)));
  CHECK(*std::max_element(seen.at("y").begin(), seen.at("y").end()) <= highest);
}

TEST_CASE("functions of integers are exact, or go by way of floats", "[activation]") {
  struct Whole {
    const char* function;
    double alpha, beta;
    std::vector<float> expected;
  };
  // x = -7, -1, 0, 2, 9
  const Whole table[] = {{"abs", 0, 0, {7, 1, 0, 2, 9}},
                         {"neg", 0, 0, {7, 1, 0, -2, -9}},
                         {"relu", 0, 0, {0, 0, 0, 2, 9}},
                         {"sign", 0, 0, {-1, -1, 0, 1, 1}},
                         {"square", 0, 0, {49, 1, 0, 4, 81}},
                         {"clamp", -2.5, 3.5, {-2, -1, 0, 2, 3}},
                         {"floor", 0, 0, {-7, -1, 0, 2, 9}},
                         {"logical_not", 0, 0, {0, 0, 1, 0, 0}},
                         {"bitwise_not", 0, 0, {6, 0, -1, -3, -10}},
                         {"linear", 2, 1.5, {-12, 0, 1, 5, 19}},
                         {"is_nan", 0, 0, {0, 0, 0, 0, 0}},
                         {"is_finite", 0, 0, {1, 1, 1, 1, 1}}};
  for (const DType type : {DType::i64, DType::i32})
    for (const Whole& c : table) {
      INFO(c.function << " of " << to_string(type));
      GraphBuilder b;
      const ValueId x = b.input("x", type, {5});
      b.output(add_activation(b, "y", x, c.function, c.alpha, c.beta));
      CHECK(run_everywhere(b.finish(), {{{5}, {-7, -1, 0, 2, 9}}}).front() == c.expected);
    }
}

TEST_CASE("tests of floats give booleans", "[activation]") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const Tensor x{{5}, {1, inf, -inf, std::nanf(""), 0}};
  const auto test = [&](const char* function, double negative, double positive) {
    GraphBuilder b;
    const ValueId y = add_activation(b, "y", b.input("x", DType::f32, {5}), function, negative, positive);
    CHECK(b.graph().value(y).dtype == DType::boolean);
    b.output(y);
    return run_everywhere(b.finish(), {x}).front();
  };
  CHECK(test("is_nan", 0, 0) == std::vector<float>{0, 0, 0, 1, 0});
  CHECK(test("is_finite", 0, 0) == std::vector<float>{1, 0, 0, 0, 1});
  CHECK(test("is_inf", 1, 1) == std::vector<float>{0, 1, 1, 0, 0});
  CHECK(test("is_inf", 1, 0) == std::vector<float>{0, 0, 1, 0, 0});
  CHECK(test("is_inf", 0, 1) == std::vector<float>{0, 1, 0, 0, 0});
}
