#include "engine/ops/fake_quantize.h"
#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

/// FakeQuantize of constant weights with symmetric limits of 0.5, 0.6, … in the shape `limits`.
ValueId add_limits(GraphBuilder& b, const Tensor& w, const Shape& limits) {
  float next = 0.4F;
  const Tensor high = generate(limits, [&](const Index&) { return next += 0.1F; });
  Tensor low = high;
  for (float& v : low.data) v = -v;
  const ValueId l = b.constant("low", constant_of(low)), h = b.constant("high", constant_of(high));
  return b.add1("FakeQuantize", "fq", Attributes::of(FakeQuantizeAttributes{255}),
                {b.constant("w", constant_of(w)), l, h, l, h});
}

std::vector<float> scales(std::size_t count) {
  std::vector<float> result;
  float high = 0.4F;
  for (std::size_t c = 0; c < count; ++c) result.push_back((high += 0.1F) / 127.0F);
  return result;
}

}  // namespace

TEST_CASE("limits of grouped weights are scales if they differ by output channel only",
          "[absorb_fake_quantize]") {
  struct Case {
    const char* op;
    Shape weights, limits;
    bool scales;
  };
  const Case cases[] = {{"Convolution", {2, 3, 2, 3, 3}, {2, 3, 1, 1, 1}, true},
                        {"Convolution", {2, 3, 2, 3, 3}, {1, 3, 1, 1, 1}, true},
                        {"Convolution", {2, 3, 2, 3, 3}, {2, 1, 2, 1, 1}, false},
                        {"Convolution", {4, 1, 1, 3, 3}, {4, 1, 1, 1, 1}, true},
                        {"Deconvolution", {1, 4, 6, 3, 3}, {6, 1, 1}, true},
                        {"Deconvolution", {2, 2, 3, 3, 3}, {2, 1, 3, 1, 1}, true},
                        {"Deconvolution", {2, 2, 3, 3, 3}, {2, 2, 1, 1, 1}, false},
                        {"Deconvolution", {4, 1, 1, 3, 3}, {4, 1, 1, 1, 1}, true}};
  for (const Case& c : cases) {
    INFO(c.op << " of " << to_string(c.weights) << ", limits " << to_string(c.limits));
    const Tensor w = random_tensor(c.weights, 5, -1, 1);
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, {1, 4, 5, 5});
    b.output(b.add1(c.op, "y", Attributes::of(convolution(2)), {x, add_limits(b, w, c.limits)}));
    const Graph result = after(b.finish(), absorb_fake_quantize);
    CHECK(ops_of(result) == c.op);
    const Value& value = result.value(node_named(result, "y").inputs[1]);
    CHECK(value.quantization.has_value() == c.scales);
    // Weights without scales of their own have the values of the formula.
    CHECK((value.constant.to_floats() == w.data) == c.scales);
    if (!c.scales) continue;
    // Limits that do not name the group hold for each of them.
    const std::vector<float> stated = scales(static_cast<std::size_t>(element_count(c.limits)));
    std::vector<float> expected;
    const std::int64_t channels = c.weights[0] * c.weights[c.op[0] == 'C' ? 1 : 2];
    for (std::int64_t i = 0; i < channels; ++i)
      expected.push_back(stated[static_cast<std::size_t>(i) % stated.size()]);
    CHECK(value.quantization->scale == expected);
  }
}

TEST_CASE("weights behind a FakeQuantize and a transpose are evaluated", "[absorb_fake_quantize]") {
  const Tensor w = random_tensor({3, 3, 4, 6}, 5, -1, 1), x = random_tensor({1, 4, 5, 5}, 6);
  GraphBuilder b;
  const ValueId in = b.input("x", DType::f32, x.shape);
  const ValueId turned =
      b.add1("Transpose", "t", Attributes::of(TransposeAttributes{{3, 2, 0, 1}}), {add_limits(b, w, {6})});
  const ValueId grouped = b.add1("Reshape", "r", Attributes::of(ReshapeAttributes{}),
                                 {turned, b.constant("s", Constant::i64_vector({1, 6, 4, 3, 3}))});
  b.output(b.add1("Convolution", "y", Attributes::of(convolution(2)), {in, grouped}));
  const Graph result = after(b.finish(), absorb_fake_quantize);
  CHECK(ops_of(result) == "Convolution");
  const std::vector<float> levels = scales(6);
  const Tensor stored = generate(w.shape, [&](const Index& at) {
    const float s = levels[static_cast<std::size_t>(at[3])];
    return s * std::nearbyint(std::min(std::max(value_at(w, at), -127 * s), 127 * s) / s);
  });
  Tensor rows = transposed(stored, {3, 2, 0, 1});
  rows.shape.insert(rows.shape.begin(), 1);
  CHECK(deviation(run_everywhere(result, {x}).front(), convolve(x, rows, {}, convolution(2)).data) < 1e-5);
}
