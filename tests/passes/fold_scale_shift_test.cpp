#include <functional>

#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

ValueId add_affine(GraphBuilder& b, const std::string& name, ValueId x, std::int64_t values,
                   std::uint64_t seed) {
  const ValueId scale = b.constant(name + "/s", constant_of(random_tensor({values}, seed)));
  const ValueId shift = b.constant(name + "/b", constant_of(random_tensor({values}, seed + 1)));
  return b.add1("ChannelAffine", name, Attributes::of(ChannelAffineAttributes{}), {x, scale, shift});
}

}  // namespace

TEST_CASE("scale and shift fold into the convolution in front, grouped or not, with or without bias",
          "[fold_scale_shift]") {
  for (const bool bias : {false, true})
    for (const std::int64_t values : {std::int64_t{1}, std::int64_t{4}})
      for (const bool depthwise : {false, true}) {
        INFO("bias " << bias << " values " << values << " depthwise " << depthwise);
        Start s(4, bias);
        const ValueId conv =
            depthwise ? add_convolution(s.b, "dw", s.input, random_tensor({4, 1, 1, 3, 3}, 8),
                                        bias ? std::vector<float>{1, 2, 3, 4} : std::vector<float>{},
                                        convolution(2, 1, 1))
                      : s.conv;
        if (depthwise) s.b.output(s.conv);
        s.b.output(add_affine(s.b, "bn", conv, values, 4));
        check_pass(s.b.finish(), fold_scale_shift, {s.x},
                   depthwise ? "Convolution Convolution" : "Convolution");
      }
}

TEST_CASE("arithmetic with constants per channel folds, or becomes one scale and shift",
          "[fold_scale_shift]") {
  for (const char* operation : {"mul", "add", "sub"})
    for (const Shape& shape : {Shape{1, 4, 1, 1}, Shape{4, 1, 1}, Shape{}}) {
      INFO(operation << " " << to_string(shape));
      Start behind;
      behind.b.output(add_eltwise(behind.b, "y", operation, behind.conv, behind.constant("k", shape, 5)));
      check_pass(behind.b.finish(), fold_scale_shift, {behind.x}, "Convolution");
      Start alone;
      alone.b.output(alone.conv);
      alone.b.output(add_eltwise(alone.b, "y", operation, alone.input, alone.constant("k", shape, 5)));
      check_pass(alone.b.finish(), fold_scale_shift, {alone.x},
                 shape.empty() ? "Convolution Activation" : "Convolution ChannelAffine", 1e-5);
    }
}

TEST_CASE("what does not scale channels stays", "[fold_scale_shift]") {
  struct Case {
    const char* what;
    std::function<void(Start&)> build;
    const char* ops;
  };
  const Case cases[] = {
      {"constant minus value",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "y", "sub", s.constant("k", {1, 4, 1, 1}, 5), s.conv));
       },
       "Convolution Eltwise"},
      {"division",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "y", "div", s.conv, s.constant("k", {1, 4, 1, 1}, 5, 1, 2)));
       },
       "Convolution Eltwise"},
      {"a scale for every element",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "y", "mul", s.conv, s.constant("k", {1, 4, 5, 5}, 5)));
       },
       "Convolution Eltwise"},
      {"a scale along the width",
       [](Start& s) { s.b.output(add_eltwise(s.b, "y", "mul", s.conv, s.constant("k", {5}, 5))); },
       "Convolution Eltwise"},
      {"a network output in between",
       [](Start& s) {
         s.b.output(s.conv);
         s.b.output(add_affine(s.b, "bn", s.conv, 4, 5));
       },
       "Convolution ChannelAffine"},
      {"two readers",
       [](Start& s) {
         s.b.output(add_activation(s.b, "abs", s.conv, "abs"));
         s.b.output(add_affine(s.b, "bn", s.conv, 4, 5));
       },
       "Convolution Activation ChannelAffine"},
      {"a value stored in integers in between",
       [](Start& s) {
         s.b.output(add_affine(s.b, "bn", s.conv, 4, 5));
         quantize_value(s.b.graph(), s.conv, {0.1F}, 128);
       },
       "Convolution ChannelAffine"},
      {"an activation in between",
       [](Start& s) { s.b.output(add_affine(s.b, "bn", add_activation(s.b, "r", s.conv, "relu"), 4, 5)); },
       "Convolution Activation ChannelAffine"}};
  for (const Case& c : cases) {
    INFO(c.what);
    Start s;
    c.build(s);
    check_pass(s.b.finish(), fold_scale_shift, {s.x}, c.ops);
  }
}

TEST_CASE("weights that two convolutions share are scaled for one of them only", "[fold_scale_shift]") {
  Start s(4, false);
  const ValueId w = s.b.graph().node(s.b.graph().value(s.conv).producer).inputs[1];
  const ValueId other = s.b.add1("Convolution", "other", Attributes::of(convolution(2, 1, 1)), {s.input, w});
  s.b.output(add_affine(s.b, "bn", s.conv, 4, 5));
  s.b.output(other);
  const Graph result = check_pass(s.b.finish(), fold_scale_shift, {s.x}, "Convolution Convolution");
  CHECK(result.value(w).constant.to_floats() == s.w.data);
  CHECK(node_named(result, "other").inputs[1] == w);
}

TEST_CASE("scales of quantized weights follow the fold, so that the integers stay as they were",
          "[fold_scale_shift]") {
  for (const bool per_channel : {false, true}) {
    Start s;
    const ValueId w = s.b.graph().node(s.b.graph().value(s.conv).producer).inputs[1];
    const std::vector<float> scales =
        per_channel ? std::vector<float>{0.01F, 0.02F, 0.03F, 0.04F} : std::vector<float>{0.01F};
    s.b.graph().value(w).quantization = Quantization{scales, 0, -127, 127};
    const ValueId scale = s.b.constant("s", Constant::f32({4}, {2, -4, 0, 0.5F})),
                  shift = s.b.constant("b", Constant::f32({1}, {0}));
    s.b.output(
        s.b.add1("ChannelAffine", "bn", Attributes::of(ChannelAffineAttributes{}), {s.conv, scale, shift}));
    const Graph result = check_pass(s.b.finish(), fold_scale_shift, {s.x}, "Convolution");
    const auto& q = result.value(node_named(result, "conv").inputs[1]).quantization;
    REQUIRE(q);
    const auto of = [&](std::size_t c) { return scales[per_channel ? c : 0]; };
    CHECK(q->scale == std::vector<float>{of(0) * 2, of(1) * 4, 1, of(3) * 0.5F});
  }
}
