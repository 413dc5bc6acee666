#include <algorithm>

#include "engine/ops/weighted_traits.h"
#include "tests/ops/deconvolution_cases.h"
#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

struct Layer {
  Tensor x, w;
  std::vector<float> bias;
  ConvolutionAttributes a;
  Scale in;
  std::vector<float> weight_scale;

  std::size_t channels() const { return static_cast<std::size_t>(w.shape[0] * w.shape[2]); }
};

Layer layer_of(const DeconvolutionCase& c, std::uint64_t seed, Scale in) {
  Layer l{random_tensor(c.x, seed, -3, 3),
          random_tensor(c.w, seed + 1, -1, 1),
          random_tensor({c.w[0] * c.w[2]}, seed + 2).data,
          c.attributes(),
          std::move(in),
          {}};
  l.weight_scale.assign(l.channels(), 0.0F);
  for_each_index(l.w.shape, [&](const Index& at) {
    float& scale = l.weight_scale[static_cast<std::size_t>(at[0] * l.w.shape[2] + at[2])];
    scale = std::max(scale, std::fabs(value_at(l.w, at)));
  });
  for (float& s : l.weight_scale) s /= 127.0F;
  return l;
}

/// Output by the arithmetic of docs/int8-arithmetic.md, counted in steps of `step`: only what reaches an output is summed, and the zero point is taken out
/// of just that.
Tensor integer_reference(const Layer& l, float step = 1) {
  return generate(deconvolved_shape(l.x.shape, l.w.shape, l.a), [&](const Index& at) {
    const auto c = static_cast<std::size_t>(at[1]);
    const std::int64_t group = at[1] / l.w.shape[2];
    const float w_scale = l.weight_scale[l.weight_scale.size() == 1 ? 0 : c];
    std::int64_t acc = 0;
    for_each_source(l.x.shape, l.w.shape, l.a, at, [&](const Index& position, const Index& k) {
      for (std::int64_t i = 0; i < l.w.shape[1]; ++i) {
        Index from{at[0], group * l.w.shape[1] + i}, weight{group, i, at[1] % l.w.shape[2]};
        from.insert(from.end(), position.begin(), position.end());
        weight.insert(weight.end(), k.begin(), k.end());
        const int q = l.in.quantize(value_at(l.x, from), static_cast<std::size_t>(from[1])) - l.in.zero_point;
        const float v = std::nearbyint(value_at(l.w, weight) * (1.0F / w_scale));
        acc += std::int64_t{q} * static_cast<int>(std::min(std::max(v, -127.0F), 127.0F));
      }
    });
    return scaled_sum(acc, l.in.of(c) * w_scale, l.bias.empty() ? 0.0F : l.bias[c], step);
  });
}

ValueId add_layer(GraphBuilder& b, const std::string& name, ValueId x, const Layer& l, bool state_weights) {
  const ValueId w = b.constant(name + "/w", constant_of(l.w));
  if (state_weights) b.graph().value(w).quantization = Quantization{l.weight_scale, 0, -127, 127};
  std::vector<ValueId> in{x, w};
  if (!l.bias.empty())
    in.push_back(b.constant(name + "/b", Constant::f32({static_cast<std::int64_t>(l.channels())}, l.bias)));
  return b.add1("Deconvolution", name, Attributes::of(l.a), in);
}

}  // namespace

TEST_CASE("integer transposed convolutions give the bits of the reference in f32 and u8",
          "[deconvolution][int8]") {
  std::uint64_t seed = 100;
  for (const DeconvolutionCase& c : deconvolution_cases())
    for (const Scale& in : {Scale{{0.023F}, 128}, Scale{{0.0117F}, 0}, Scale{{0.02F}, 93}})
      for (const bool per_channel : {true, false}) {
        Layer l = layer_of(c, seed += 3, in);
        if (!per_channel) l.weight_scale = {*std::max_element(l.weight_scale.begin(), l.weight_scale.end())};
        INFO(c.what << ", zero point " << in.zero_point << (per_channel ? ", per channel" : ", per tensor"));
        const Scale between{{0.031F}, 117};
        GraphBuilder b;
        const ValueId x = b.input("x", DType::f32, l.x.shape);
        const ValueId y = add_layer(b, "y", x, l, true);
        // A second layer that reads integers makes the first one store them.
        const ValueId z = add_unit_convolution(b, "z", y);
        const ValueId real = add_layer(b, "real", x, l, true);
        b.output(z);
        b.output(real);
        quantize_value(b.graph(), x, l.in.scale, l.in.zero_point);
        quantize_value(b.graph(), y, between.scale, between.zero_point);
        const Recorder seen = observe_everywhere(b.finish(), {l.x});
        const Tensor expected = integer_reference(l);
        CHECK(same_bytes(seen.at("real"), expected.data));
        REQUIRE(seen.dtype("y") == DType::u8);
        Tensor stored = integer_reference(l, between.of(0));
        for (float& v : stored.data) v = between.stored_steps(v);
        CHECK(same_bytes(seen.at("y"), stored.data));
      }
}

TEST_CASE(
    "scales of transposed weights that no file states are the largest magnitudes of the output channels",
    "[deconvolution][int8]") {
  for (const DeconvolutionCase& c : deconvolution_cases()) {
    INFO(c.what);
    const Layer l = layer_of(c, 7, Scale{{0.02F}, 128});
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, l.x.shape);
    b.output(add_layer(b, "y", x, l, false));
    quantize_value(b.graph(), x, l.in.scale, l.in.zero_point);
    CHECK(same_bytes(run_everywhere(b.finish(), {l.x}, true).front(), integer_reference(l).data));
  }
}

TEST_CASE("a depthwise transposed convolution takes one input scale per channel", "[deconvolution][int8]") {
  int seen = 0;
  for (const DeconvolutionCase& c : deconvolution_cases()) {
    if (c.w[0] == 1 || c.w[1] != 1 || c.w[2] != 1) continue;
    INFO(c.what);
    Layer l = layer_of(c, 31, Scale{{}, 0});
    for (float& v : l.x.data) v = std::fabs(v);
    for (std::int64_t ch = 0; ch < c.x[1]; ++ch)
      l.in.scale.push_back(0.003F + 0.0007F * static_cast<float>(ch));
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, l.x.shape);
    b.output(add_layer(b, "y", x, l, true));
    quantize_value(b.graph(), x, l.in.scale, 0);
    CHECK(same_bytes(run_everywhere(b.graph(), {l.x}, true).front(), integer_reference(l).data));
    const auto program = Program::compile(b.graph(), options_for(Isa::scalar, true));
    CHECK(std::any_of(program->steps().begin(), program->steps().end(),
                      [](const StepInfo& s) { return s.op == "Deconvolution" && s.precision == "I8"; }));
    ++seen;
  }
  CHECK(seen > 0);
}

TEST_CASE("residuals and slopes act on integer sums of transposed convolutions", "[deconvolution][int8]") {
  const Scale in{{0.02F}, 128}, other{{0.05F}, 77};
  const DeconvolutionCase c{"", {1, 5, 4, 4}, {1, 5, 6, 3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 0}};
  for (const bool integer_residual : {true, false}) {
    INFO("integer residual " << integer_residual);
    const Layer left = layer_of(c, 1, in), right = layer_of(c, 20, in);
    const std::vector<float> slope = random_tensor({6}, 9, 0, 1).data;
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, c.x);
    const ValueId l = add_layer(b, "left", x, left, true), r = add_layer(b, "right", x, right, true);
    const ValueId sum = add_eltwise(b, "sum", "add", l, r);
    b.output(b.add1("PRelu", "y", Attributes::of(PReluAttributes{}),
                    {sum, b.constant("slope", Constant::f32({6}, slope))}));
    quantize_value(b.graph(), x, in.scale, in.zero_point);
    if (integer_residual) quantize_value(b.graph(), l, other.scale, other.zero_point);
    // The same input feeds both layers.
    Layer second = right;
    second.x = left.x;
    const Recorder seen = observe_everywhere(b.finish(), {left.x});
    CHECK(seen.dtype("left") == (integer_residual ? DType::u8 : DType::f32));
    if (integer_residual)
      for (float& v : second.bias) v = other.without_zero(v);
    const Tensor residual = integer_reference(left, integer_residual ? other.of(0) : 1.0F);
    const Tensor own = integer_reference(second);
    const Tensor expected = generate(own.shape, [&](const Index& at) {
      const float y = value_at(own, at), other_y = value_at(residual, at);
      const float v = integer_residual
                          ? std::fma(static_cast<float>(other.quantize_steps(other_y)), other.of(0), y)
                          : y + other_y;
      return v < 0 ? v * slope[static_cast<std::size_t>(at[1])] : v;
    });
    CHECK(same_bytes(seen.at("y"), expected.data));
  }
}

TEST_CASE("weights belong to output channels by their order in memory", "[deconvolution]") {
  const WeightChannels transposed{2, 3, 4, 5};  // [groups][in][out][kernel]
  std::size_t i = 0;
  for (std::size_t g = 0; g < 2; ++g)
    for (int m = 0; m < 3; ++m)
      for (std::size_t o = 0; o < 4; ++o)
        for (int k = 0; k < 5; ++k) CHECK(transposed.of(i++) == g * 4 + o);
  CHECK(transposed.count() == 8);
}
