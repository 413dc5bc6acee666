#include <functional>

#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

ValueId add_fake_quantize(GraphBuilder& b, const std::string& name, ValueId x, const Tensor& low,
                          const Tensor& high, const Tensor& out_low, const Tensor& out_high,
                          std::int64_t levels = 256) {
  std::vector<ValueId> inputs{x};
  for (const Tensor* t : {&low, &high, &out_low, &out_high})
    inputs.push_back(b.constant(name + "/limit", constant_of(*t)));
  return b.add1("FakeQuantize", name, Attributes::of(FakeQuantizeAttributes{levels}), inputs);
}

ValueId add_fake_quantize(GraphBuilder& b, const std::string& name, ValueId x, const Tensor& low,
                          const Tensor& high, std::int64_t levels = 256) {
  return add_fake_quantize(b, name, x, low, high, low, high, levels);
}

Tensor scalar(float v) {
  return {{}, {v}};
}

/// Limits -high and high along one axis of a shape of ones.
std::pair<Tensor, Tensor> symmetric(const Shape& shape, std::uint64_t seed) {
  const Tensor high = random_tensor(shape, seed, 0.5F, 2);
  Tensor low = high;
  for (float& v : low.data) v = -v;
  return {low, high};
}

}  // namespace

TEST_CASE("a range of activations becomes their quantization", "[absorb_fake_quantize]") {
  struct Case {
    float low, high;
    std::int64_t levels;
    int zero_point;
  };
  for (const Case& c : {Case{0, 2.55F, 256, 0}, Case{-1.28F, 1.27F, 256, 128}, Case{-0.5F, 2.05F, 256, 50},
                        Case{-1.27F, 1.27F, 255, 127}}) {
    INFO(c.low << " to " << c.high);
    Start s;
    const ValueId y = add_activation(
        s.b, "y", add_fake_quantize(s.b, "fq", s.conv, scalar(c.low), scalar(c.high), c.levels), "tanh");
    s.b.output(add_unit_convolution(s.b, "dw", y));
    const Graph result = after(s.b.finish(), absorb_fake_quantize);
    CHECK(ops_of(result) == "Convolution Activation Convolution");
    const auto& q = result.value(s.conv).quantization;
    REQUIRE(q);
    CHECK(*q == activation_quantization({{c.low, c.high}}, static_cast<std::int32_t>(c.levels)));
    CHECK(q->zero_point == c.zero_point);
    CHECK(node_named(result, "y").inputs[0] == s.conv);
  }
}

TEST_CASE("ranges per channel of activations with a common zero point are kept", "[absorb_fake_quantize]") {
  Start s;
  const Tensor low = generate({1, 4, 1, 1}, [](const Index&) { return 0; }),
               high = random_tensor({1, 4, 1, 1}, 4, 1, 3);
  s.b.output(add_unit_convolution(s.b, "dw", add_fake_quantize(s.b, "fq", s.conv, low, high)));
  const Graph result = after(s.b.finish(), absorb_fake_quantize);
  REQUIRE(result.value(s.conv).quantization);
  CHECK(result.value(s.conv).quantization->scale.size() == 4);
}

TEST_CASE("other ranges of activations run in float by the formula", "[absorb_fake_quantize]") {
  struct Case {
    const char* what;
    std::function<ValueId(Start&)> add;
  };
  const Case cases[] = {
      {"an output range of its own",
       [](Start& s) {
         return add_fake_quantize(s.b, "fq", s.conv, scalar(-1), scalar(1), scalar(-2), scalar(1));
       }},
      {"16 levels",
       [](Start& s) { return add_fake_quantize(s.b, "fq", s.conv, scalar(0), scalar(1.5F), 16); }},
      {"a range without zero",
       [](Start& s) { return add_fake_quantize(s.b, "fq", s.conv, scalar(0.5F), scalar(2)); }},
      {"zero between two levels",
       [](Start& s) { return add_fake_quantize(s.b, "fq", s.conv, scalar(-1), scalar(1)); }},
      {"zero points that differ by channel",
       [](Start& s) {
         return add_fake_quantize(s.b, "fq", s.conv, {{1, 4, 1, 1}, {0, 0, -1.28F, 0}},
                                  {{1, 4, 1, 1}, {2.55F, 2.55F, 1.27F, 2.55F}});
       }},
      {"ranges along the width",
       [](Start& s) {
         return add_fake_quantize(s.b, "fq", s.conv, {{5}, {0, 0, 0, 0, 0}}, {{5}, {1, 2, 3, 4, 5}});
       }},
      {"no extent", [](Start& s) { return add_fake_quantize(s.b, "fq", s.conv, scalar(0), scalar(0)); }}};
  for (const Case& c : cases) {
    INFO(c.what);
    Start s;
    s.b.output(add_unit_convolution(s.b, "dw", add_activation(s.b, "y", c.add(s), "tanh")));
    const Graph result = check_pass(s.b.finish(), absorb_fake_quantize, {s.x},
                                    "Convolution FakeQuantize Activation Convolution");
    CHECK_FALSE(result.value(s.conv).quantization);
  }
}

TEST_CASE("a FakeQuantize that the network gives out stays; of two that differ the second stays",
          "[absorb_fake_quantize]") {
  Start out;
  out.b.output(add_fake_quantize(out.b, "fq", out.conv, scalar(0), scalar(2.55F)));
  check_pass(out.b.finish(), absorb_fake_quantize, {out.x}, "Convolution FakeQuantize");

  Start two;
  two.b.output(
      add_unit_convolution(two.b, "a", add_fake_quantize(two.b, "fq", two.conv, scalar(0), scalar(2.55F))));
  two.b.output(
      add_unit_convolution(two.b, "b", add_fake_quantize(two.b, "fq2", two.conv, scalar(0), scalar(5.1F))));
  const Graph result = after(two.b.finish(), absorb_fake_quantize);
  CHECK(ops_of(result) == "Convolution Convolution FakeQuantize Convolution");
  CHECK(result.value(two.conv).quantization->scale.front() == 2.55F / 255.0F);
}

TEST_CASE("a FakeQuantize behind the last layer with weights stays", "[absorb_fake_quantize]") {
  Start s;
  s.b.output(
      add_activation(s.b, "y", add_fake_quantize(s.b, "fq", s.conv, scalar(0), scalar(2.55F)), "tanh"));
  check_pass(s.b.finish(), absorb_fake_quantize, {s.x}, "Convolution FakeQuantize Activation");
}

TEST_CASE("a sum of rounded numbers is not fused into what computes them, other sums are",
          "[absorb_fake_quantize]") {
  struct Case {
    bool rounds_product, rounds_other;
    const char* ops;
  };
  // The sum has one operand that is a convolution's result; the other is the result of a tanh.
  for (const Case& c : {Case{false, true, "Activation Convolution Convolution"},
                        Case{true, true, "Activation Convolution Eltwise Convolution"},
                        Case{true, false, "Activation Convolution Eltwise Convolution"}}) {
    INFO(c.rounds_product << c.rounds_other);
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, {1, 4, 5, 5});
    ValueId other = add_activation(b, "t", x, "tanh");
    ValueId product = add_unit_convolution(b, "conv", x);
    if (c.rounds_other) other = add_fake_quantize(b, "fq_other", other, scalar(-1.28F), scalar(1.27F));
    if (c.rounds_product) product = add_fake_quantize(b, "fq", product, scalar(-1.28F), scalar(1.27F));
    const ValueId sum =
        b.add1("Eltwise", "sum", Attributes::of(EltwiseAttributes{"add", {}}), {product, other});
    b.output(add_unit_convolution(b, "last", sum));
    const Graph absorbed = after(b.finish(), absorb_fake_quantize);
    CHECK(ops_of(after(absorbed, fuse_sum)) == c.ops);
  }
}

TEST_CASE("ranges of constant weights become their scales", "[absorb_fake_quantize]") {
  for (const bool per_channel : {false, true})
    for (const bool reshaped : {false, true}) {
      INFO("per channel " << per_channel << " reshaped " << reshaped);
      GraphBuilder b;
      const ValueId x = b.input("x", DType::f32, {1, 4, 5, 5});
      const Tensor w = random_tensor({6, 2, 3, 3}, 1);
      const auto [low, high] = symmetric(per_channel ? Shape{6, 1, 1, 1} : Shape{}, 2);
      const ValueId stored =
          b.constant("w", reshaped ? constant_of(w) : constant_of(w).reshaped({2, 3, 2, 3, 3}));
      if (per_channel && !reshaped) continue;  // the groups are in the way of one range per channel
      ValueId weights = add_fake_quantize(b, "fq", stored, low, high, 255);
      if (reshaped)
        weights = b.add1("Reshape", "groups", Attributes::of(ReshapeAttributes{}),
                         {weights, b.constant("s", Constant::i64_vector({2, 3, 2, 3, 3}))});
      b.output(b.add1("Convolution", "y", Attributes::of(convolution(2)), {x, weights}));
      const Graph result = after(b.finish(), absorb_fake_quantize);
      CHECK(ops_of(result) == "Convolution");
      const Value& value = result.value(node_named(result, "y").inputs[1]);
      REQUIRE(value.quantization);
      CHECK(value.constant.to_floats() == w.data);
      CHECK(value.shape == Shape{2, 3, 2, 3, 3});
      std::vector<float> scales = high.data;
      for (float& s : scales) s /= 127.0F;
      CHECK(value.quantization->scale == scales);
      CHECK(value.quantization->qmin == -127);
      CHECK(value.quantization->qmax == 127);
    }
}

TEST_CASE("weights of matrix products have their scales along the outputs", "[absorb_fake_quantize]") {
  for (const bool transpose : {false, true})
    for (const bool outputs : {true, false}) {
      INFO("transposed " << transpose << ", ranges along the " << (outputs ? "outputs" : "inputs"));
      GraphBuilder b;
      const Tensor x = random_tensor({2, 5}, 3), w = random_tensor(transpose ? Shape{3, 5} : Shape{5, 3}, 1);
      const Shape limits = transpose == outputs ? Shape{w.shape[0], 1} : Shape{1, w.shape[1]};
      const auto [low, high] = symmetric(limits, 2);
      const ValueId weights = add_fake_quantize(b, "fq", b.constant("w", constant_of(w)), low, high, 255);
      MatMulAttributes attributes;
      attributes.transpose_b = transpose;
      b.output(
          b.add1("MatMul", "y", Attributes::of(attributes), {b.input("x", DType::f32, x.shape), weights}));
      const Graph result = after(b.finish(), absorb_fake_quantize);
      CHECK(ops_of(result) == "MatMul");
      CHECK(result.value(node_named(result, "y").inputs[1]).quantization.has_value() == outputs);
      CHECK(run_everywhere(result, {x}).front().size() == 6);
    }
}

TEST_CASE("weights without s8 scales are evaluated by the formula", "[absorb_fake_quantize]") {
  struct Case {
    const char* what;
    Tensor il, ih, ol, oh;
    std::int64_t levels;
  };
  const Case cases[] = {{"256 levels", scalar(-1), scalar(1), scalar(-1), scalar(1), 256},
                        {"15 levels", scalar(-1), scalar(1), scalar(-1), scalar(1), 15},
                        {"an asymmetric range", scalar(-1), scalar(2), scalar(-1), scalar(2), 255},
                        {"an output range of its own", scalar(-1), scalar(1), scalar(-2), scalar(2), 255},
                        {"ranges per input channel",
                         {{1, 1, 4, 1, 1}, {-1, -2, -1, -2}},
                         {{1, 1, 4, 1, 1}, {1, 2, 1, 2}},
                         {{1, 1, 4, 1, 1}, {-1, -2, -1, -2}},
                         {{1, 1, 4, 1, 1}, {1, 2, 1, 2}},
                         255}};
  for (const Case& c : cases) {
    INFO(c.what);
    GraphBuilder b;
    const Tensor x = random_tensor({1, 4, 5, 5}, 1), w = random_tensor({1, 3, 4, 3, 3}, 2);
    const ValueId weights =
        add_fake_quantize(b, "fq", b.constant("w", constant_of(w)), c.il, c.ih, c.ol, c.oh, c.levels);
    b.output(b.add1("Convolution", "y", Attributes::of(convolution(2)),
                    {b.input("x", DType::f32, x.shape), weights}));
    const Graph result = after(b.finish(), absorb_fake_quantize);
    CHECK(ops_of(result) == "Convolution");
    const auto steps = static_cast<float>(c.levels - 1);
    const Tensor expected = generate(w.shape, [&](const Index& at) {
      const float v = value_at(w, at), il = broadcast_at(c.il, at), ih = broadcast_at(c.ih, at),
                  ol = broadcast_at(c.ol, at), oh = broadcast_at(c.oh, at);
      return v <= il  ? ol
             : v > ih ? oh
                      : std::nearbyint((v - il) / (ih - il) * steps) / steps * (oh - ol) + ol;
    });
    const Value& value = result.value(node_named(result, "y").inputs[1]);
    CHECK_FALSE(value.quantization);
    CHECK(same_bytes(value.constant.to_floats(), expected.data));
    CHECK(deviation(run_everywhere(result, {x}).front(), convolve(x, expected, {}, convolution(2)).data) <
          1e-5);
  }
}

TEST_CASE("weights that another node reads without FakeQuantize stay unmarked there",
          "[absorb_fake_quantize]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 4, 5, 5});
  const ValueId w = b.constant("w", constant_of(random_tensor({1, 3, 4, 3, 3}, 2)));
  b.output(b.add1("Convolution", "y", Attributes::of(convolution(2)),
                  {x, add_fake_quantize(b, "fq", w, scalar(-1), scalar(1), 255)}));
  b.output(b.add1("Convolution", "z", Attributes::of(convolution(2)), {x, w}));
  const Graph result = after(b.finish(), absorb_fake_quantize);
  CHECK(result.value(node_named(result, "y").inputs[1]).quantization);
  CHECK(node_named(result, "z").inputs[1] == w);
  CHECK_FALSE(result.value(w).quantization);
}

TEST_CASE("limits of groups hold for each channel of a group; those of products for their outputs",
          "[absorb_fake_quantize]") {
  // A scale too few would make the kernels read behind the end of the array.
  for (const bool views : {false, true}) {
    GraphBuilder b;
    const Tensor x = random_tensor({1, 4, 5, 5}, 3), w = random_tensor({2, 3, 2, 3, 3}, 1, -1, 1);
    const auto [low, high] = symmetric({2, 1, 1, 1, 1}, 2);
    ValueId weights = add_fake_quantize(b, "fq", b.constant("w", constant_of(w)), low, high, 255);
    if (views)
      for (const Shape& shape : {Shape{6, 18}, w.shape})
        weights = b.add1("Reshape", "view", Attributes::of(ReshapeAttributes{}),
                         {weights, b.constant("s", Constant::i64_vector(shape))});
    b.output(b.add1("Convolution", "y", Attributes::of(convolution(2)),
                    {b.input("x", DType::f32, x.shape), weights}));
    quantize_value(b.graph(), b.graph().inputs[0], {0.02F}, 128);
    const Graph result = after(b.finish(), absorb_fake_quantize);
    const auto& q = result.value(node_named(result, "y").inputs[1]).quantization;
    REQUIRE(q);
    const float first = high.data[0] / 127.0F, second = high.data[1] / 127.0F;
    CHECK(q->scale == std::vector<float>{first, first, first, second, second, second});
    run_everywhere(result, {x}, true);
  }
  GraphBuilder b;
  const Tensor x = random_tensor({2, 5}, 3), w = random_tensor({5, 3}, 1);
  const auto [low, high] = symmetric({5, 1}, 2);
  const ValueId fq = add_fake_quantize(b, "fq", b.constant("w", constant_of(w)), low, high, 255);
  const ValueId view = b.add1("Reshape", "view", Attributes::of(ReshapeAttributes{}),
                              {fq, b.constant("s", Constant::i64_vector({5, 3}))});
  b.output(
      b.add1("MatMul", "y", Attributes::of(MatMulAttributes{}), {b.input("x", DType::f32, x.shape), view}));
  quantize_value(b.graph(), b.graph().inputs[0], {0.02F}, 128);
  const Graph result = after(b.finish(), absorb_fake_quantize);
  CHECK(ops_of(result) == "MatMul");
  CHECK_FALSE(result.value(node_named(result, "y").inputs[1]).quantization);
  run_everywhere(result, {x}, true);
}

TEST_CASE("what only reads constants behind a FakeQuantize becomes a constant", "[absorb_fake_quantize]") {
  const Tensor x = random_tensor({2, 5}, 3), w = random_tensor({3, 5}, 1);
  GraphBuilder b;
  const ValueId fq = add_fake_quantize(b, "fq", b.constant("w", constant_of(w)), scalar(-1), scalar(1), 255);
  const ValueId turned = b.add1("Transpose", "turned", Attributes::of(TransposeAttributes{{1, 0}}), {fq});
  const ValueId again = add_fake_quantize(b, "again", turned, scalar(-1), scalar(1), 16);
  const ValueId negated = add_eltwise(b, "negated", "mul", again, b.constant("k", Constant::f32({1}, {-1})));
  b.output(b.add1("MatMul", "y", Attributes::of(MatMulAttributes{}),
                  {b.input("x", DType::f32, x.shape), negated}));
  const Graph result = after(b.finish(), absorb_fake_quantize);
  CHECK(ops_of(result) == "MatMul");
  Tensor expected = transposed(w, {1, 0});
  for (float& v : expected.data)
    for (const float steps : {254.0F, 15.0F})
      v = std::nearbyint((std::min(std::max(v, -1.0F), 1.0F) + 1) / 2 * steps) / steps * 2 - 1;
  for (float& v : expected.data) v = -v;
  CHECK(deviation(result.value(node_named(result, "y").inputs[1]).constant.to_floats(), expected.data) <
        1e-6);
}

TEST_CASE("a convolution that reads the value in front of its FakeQuantize stays in float",
          "[absorb_fake_quantize]") {
  Start s;
  const ValueId fq = add_fake_quantize(s.b, "fq", s.conv, scalar(0), scalar(2.55F));
  const ValueId same = add_fake_quantize(s.b, "same", s.conv, scalar(0), scalar(2.55F));
  s.b.output(add_unit_convolution(s.b, "float", s.conv));
  s.b.output(add_unit_convolution(s.b, "integer", fq));
  s.b.output(add_unit_convolution(s.b, "integer too", same));
  const Graph result = after(s.b.finish(), absorb_fake_quantize);
  CHECK(node_named(result, "float").hint == PrecisionHint::keep_float);
  CHECK(node_named(result, "integer").hint == PrecisionHint::automatic);
  CHECK(node_named(result, "integer too").hint == PrecisionHint::automatic);
  CHECK(ops_of(result) == "Convolution Convolution Convolution Convolution");
}
