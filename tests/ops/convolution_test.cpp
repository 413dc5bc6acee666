#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

struct Case {
  const char* what;
  Shape x, w;
  std::vector<std::int64_t> strides, dilations, pads_begin, pads_end;
  Shape out;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"pointwise", {1, 5, 4, 3}, {1, 7, 5, 1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 7, 4, 3}},
      {"3x3, batch 2", {2, 3, 7, 5}, {1, 4, 3, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {2, 4, 7, 5}},
      {"strides that differ", {1, 3, 9, 8}, {1, 2, 3, 3, 2}, {2, 3}, {1, 1}, {0, 0}, {0, 0}, {1, 2, 4, 3}},
      {"dilation", {1, 2, 9, 9}, {1, 3, 2, 3, 3}, {1, 1}, {2, 3}, {1, 0}, {1, 0}, {1, 3, 7, 3}},
      {"asymmetric pads", {1, 3, 6, 6}, {1, 5, 3, 3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, {1, 5, 3, 3}},
      {"groups", {1, 6, 5, 5}, {3, 4, 2, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 12, 5, 5}},
      {"depthwise", {2, 19, 6, 7}, {19, 1, 1, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {2, 19, 6, 7}},
      {"depthwise, stride 2", {1, 33, 7, 7}, {33, 1, 1, 5, 5}, {2, 2}, {1, 1}, {2, 2}, {2, 2}, {1, 33, 4, 4}},
      {"depthwise, multiplier 2",
       {1, 3, 5, 5},
       {3, 2, 1, 3, 3},
       {1, 1},
       {1, 1},
       {1, 1},
       {1, 1},
       {1, 6, 5, 5}},
      {"one channel to many", {1, 1, 8, 8}, {1, 70, 1, 3, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 70, 6, 6}},
      {"kernel of the image", {2, 4, 3, 5}, {1, 9, 4, 3, 5}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {2, 9, 1, 1}},
      {"one dimension", {2, 3, 11}, {1, 4, 3, 3}, {2}, {1}, {1}, {1}, {2, 4, 6}},
      {"three dimensions",
       {1, 2, 4, 5, 6},
       {1, 3, 2, 2, 3, 3},
       {1, 2, 1},
       {1, 1, 1},
       {0, 1, 1},
       {1, 1, 1},
       {1, 3, 4, 3, 6}}};
  return table;
}

ConvolutionAttributes attributes_of(const Case& c) {
  ConvolutionAttributes a;
  a.strides = c.strides;
  a.dilations = c.dilations;
  a.pads_begin = c.pads_begin;
  a.pads_end = c.pads_end;
  return a;
}

}  // namespace

TEST_CASE("convolutions have the shapes of the formula", "[convolution]") {
  for (const Case& c : cases()) {
    INFO(c.what);
    CHECK(inferred("Convolution", Attributes::of(attributes_of(c)), {c.x, c.w}) == c.out);
  }
}

TEST_CASE("convolutions compute the sum of products in every context", "[convolution]") {
  std::uint64_t seed = 1;
  for (const Case& c : cases()) {
    const Tensor x = random_tensor(c.x, ++seed), w = random_tensor(c.w, ++seed, -1, 1);
    const std::vector<float> bias = random_tensor({c.w[0] * c.w[1]}, ++seed).data;
    for (const bool with_bias : {false, true}) {
      const std::vector<float> used = with_bias ? bias : std::vector<float>{};
      const Tensor expected = convolve(x, w, used, attributes_of(c));
      for (const Context context : kContexts) {
        INFO(c.what << ", " << name_of(context) << (with_bias ? ", bias" : ""));
        const auto actual = run_in(context, {x}, [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
          return add_convolution(b, "y", ids[0], w, used, attributes_of(c));
        });
        CHECK(deviation(actual, expected.data) < 1e-5);
      }
    }
  }
}

TEST_CASE("a fused residual, slope and clamp follow the sum in this order", "[convolution]") {
  const Tensor x = random_tensor({2, 5, 4, 4}, 1), w = random_tensor({1, 5, 5, 3, 3}, 2, -1, 1);
  const Tensor residual = random_tensor({2, 5, 4, 4}, 3, -4, 4);
  const std::vector<float> bias = random_tensor({5}, 4).data, slope = random_tensor({5}, 5, 0, 1).data;
  const Tensor sum = convolve(x, w, bias, convolution(2, 1, 1));
  for (const bool add : {false, true})
    for (const bool bend : {false, true})
      for (const Context context : kContexts) {
        INFO("residual " << add << ", slope " << bend << ", " << name_of(context));
        const Tensor expected = generate(sum.shape, [&](const Index& at) {
          float y = value_at(sum, at) + (add ? value_at(residual, at) : 0.0F);
          if (bend && y < 0) y *= slope[static_cast<std::size_t>(at[1])];
          return std::min(std::max(y, -0.75F), 6.0F);
        });
        const auto actual =
            run_in(context, {x, residual}, [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
              ConvolutionAttributes a = convolution(2, 1, 1);
              a.activation.low = -0.75;
              a.activation.high = 6;
              a.residual = add;
              std::vector<ValueId> in{ids[0], b.constant("w", constant_of(w)),
                                      b.constant("b", Constant::f32({5}, bias))};
              if (add) in.push_back(ids[1]);
              if (bend) {
                a.activation.slope_input = static_cast<std::int64_t>(in.size());
                in.push_back(b.constant("slope", Constant::f32({5}, slope)));
              }
              return b.add1("Convolution", "y", Attributes::of(a), in);
            });
        CHECK(deviation(actual, expected.data) < 1e-5);
      }
}

TEST_CASE("weights of half precision are widened exactly", "[convolution]") {
  const Tensor x = random_tensor({1, 3, 5, 5}, 1);
  Tensor w = random_tensor({1, 4, 3, 3, 3}, 2);
  std::vector<std::uint16_t> halves;
  for (float& v : w.data) {
    halves.push_back(float_to_half(v));
    v = half_to_float(halves.back());
  }
  const auto owner = std::make_shared<std::vector<std::uint16_t>>(halves);
  GraphBuilder b;
  const ValueId in = b.input("x", DType::f32, x.shape);
  const ValueId weights =
      b.constant("w", Constant(DType::f16, w.shape, std::as_bytes(std::span(*owner)), owner));
  b.output(b.add1("Convolution", "y", Attributes::of(convolution(2)), {in, weights}));
  const Outputs half = run_everywhere(b.finish(), {x});
  CHECK(deviation(half.front(), convolve(x, w, {}, convolution(2)).data) < 1e-5);
}

TEST_CASE("convolutions that do not fit are errors", "[convolution]") {
  struct Bad {
    Shape x, w;
    ConvolutionAttributes a;
    const char* text;
  };
  ConvolutionAttributes no_stride = convolution(2), no_dilation = convolution(2), short_pads = convolution(2);
  no_stride.strides[1] = 0;
  no_dilation.dilations[0] = -1;
  short_pads.pads_end = {0};
  const Bad bad[] = {
      {{4, 5}, {1, 2, 5, 1, 1}, convolution(2), "convolves a tensor of shape [4,5], expected rank 3 to 5"},
      {{1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1}, convolution(4), "expected rank 3 to 5"},
      {{1, 4, 5, 5},
       {2, 4, 3, 3},
       convolution(2),
       "weights of shape [2,4,3,3] do not fit an input of shape [1,4,5,5]"},
      {{1, 4, 5, 5}, {1, 2, 5, 3, 3}, convolution(2), "input has 4 channels, weights want 5"},
      {{1, 4, 5, 5}, {2, 2, 4, 3, 3}, convolution(2), "input has 4 channels, weights want 8"},
      {{1, 4, 2, 5}, {1, 2, 4, 3, 3}, convolution(2), "kernel is larger than the padded input [1,4,2,5]"},
      {{1, 4, 5, 5}, {1, 2, 4, 3, 3}, short_pads, "strides, dilations and pads must have 2 values each"},
      {{1, 4, 5, 5}, {1, 2, 4, 3, 3}, no_stride, "strides and dilations must be positive"},
      {{1, 4, 5, 5}, {1, 2, 4, 3, 3}, no_dilation, "strides and dilations must be positive"}};
  for (const Bad& c : bad) {
    INFO(c.text);
    CHECK_THROWS_AS(inferred("Convolution", Attributes::of(c.a), {c.x, c.w}), FormatError);
    CHECK_THROWS_WITH(inferred("Convolution", Attributes::of(c.a), {c.x, c.w}), Contains(c.text));
  }
}

TEST_CASE("weights that are computed at run time are packed in each run", "[convolution]") {
  std::uint64_t seed = 50;
  for (const Case& c : cases()) {
    INFO(c.what);
    const Tensor x = random_tensor(c.x, ++seed), w = random_tensor(c.w, ++seed, -1, 1);
    const std::vector<float> bias = random_tensor({c.w[0] * c.w[1]}, ++seed).data;
    GraphBuilder b;
    const ValueId in = b.input("x", DType::f32, x.shape), weights = b.input("w", DType::f32, w.shape);
    const ValueId k = b.constant("b", Constant::f32({c.w[0] * c.w[1]}, bias));
    const ValueId y = b.add1("Convolution", "y", Attributes::of(attributes_of(c)), {in, weights, k});
    b.output(add_activation(b, "relu", y, "relu"));
    Tensor expected = convolve(x, w, bias, attributes_of(c));
    for (float& v : expected.data) v = std::max(v, 0.0F);
    CHECK(deviation(run_everywhere(b.graph(), {x, w}).front(), expected.data) < 1e-5);
    // In integers, too, the layer stays in float, and says why.
    quantize_value(b.graph(), in, {0.02F}, 128);
    const auto program = Program::compile(b.graph(), options_for(Isa::scalar, true));
    CHECK(std::any_of(program->steps().begin(), program->steps().end(),
                      [](const StepInfo& s) { return s.reason == "weights are computed at run time"; }));
  }
}

TEST_CASE("convolutions that cannot be planned name the layer", "[convolution]") {
  GraphBuilder bias;
  const ValueId x2 = bias.input("x", DType::f32, {1, 2, 4, 4});
  bias.output(add_convolution(bias, "y", x2, random_tensor({1, 2, 2, 1, 1}, 1), {1, 2, 3}, convolution(2)));
  CHECK_THROWS_AS(Program::compile(bias.graph(), options_for(Isa::scalar)), FormatError);
  CHECK_THROWS_WITH(Program::compile(bias.graph(), options_for(Isa::scalar)),
                    Contains("layer 'y': bias has 3 values for 2 channels"));

  GraphBuilder run_time_bias;
  const ValueId x3 = run_time_bias.input("x", DType::f32, {1, 2, 4, 4});
  const ValueId bias3 = run_time_bias.input("bias", DType::f32, {2});
  const ValueId w3 = run_time_bias.constant("w", constant_of(random_tensor({1, 2, 2, 1, 1}, 1)));
  const ValueId y3 = run_time_bias.add1("Convolution", "y", Attributes::of(convolution(2)), {x3, w3, bias3});
  const ValueId shift = run_time_bias.constant("shift", Constant::f32({1, 2, 1, 1}, {1, 2}));
  run_time_bias.output(add_eltwise(run_time_bias, "sum", "add", y3, shift));
  CHECK_THROWS_AS(Program::compile(run_time_bias.graph(), options_for(Isa::scalar)), UnsupportedError);
  CHECK_THROWS_WITH(Program::compile(run_time_bias.graph(), options_for(Isa::scalar)),
                    Contains("a bias or slope that is computed at run time is not supported"));
}
