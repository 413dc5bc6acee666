#include <algorithm>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

/// Weights as the engine quantizes them: one scale per output channel, or one for all.
std::vector<int> quantized_weights(const Tensor& w, const std::vector<float>& scales) {
  std::vector<int> q;
  const std::size_t channels = static_cast<std::size_t>(w.shape[0] * w.shape[1]),
                    size = w.data.size() / channels;
  for (std::size_t i = 0; i < w.data.size(); ++i) {
    const float v = std::nearbyint(w.data[i] * (1.0F / scales[scales.size() == 1 ? 0 : i / size]));
    q.push_back(static_cast<int>(std::min(std::max(v, -127.0F), 127.0F)));
  }
  return q;
}

std::vector<float> largest_magnitudes(const Tensor& w) {
  std::vector<float> scales(static_cast<std::size_t>(w.shape[0] * w.shape[1]), 0.0F);
  const std::size_t size = w.data.size() / scales.size();
  for (std::size_t i = 0; i < w.data.size(); ++i)
    scales[i / size] = std::max(scales[i / size], std::fabs(w.data[i]));
  for (float& s : scales) s /= 127.0F;
  return scales;
}

struct Layer {
  Tensor x, w;
  std::vector<float> bias;
  ConvolutionAttributes a;
  Scale in;
  std::vector<float> weight_scale;
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
};

/// Adds a residual to y; `at` counts elements.
using Residual = std::function<float(float y, std::size_t at)>;

/// Output by the arithmetic of docs/int8-arithmetic.md, counted in steps of `step`.
Tensor integer_reference(const Layer& l, float step = 1, const Residual& residual = {}) {
  const std::vector<int> w = quantized_weights(l.w, l.weight_scale);
  const Shape kernel(l.w.shape.begin() + 3, l.w.shape.end());
  Shape out = convolve(l.x, l.w, {}, l.a).shape;
  Shape window{l.w.shape[2]};
  window.insert(window.end(), kernel.begin(), kernel.end());
  return generate(out, [&](const Index& at) {
    const auto c = static_cast<std::size_t>(at[1]);
    const std::int64_t group = at[1] / l.w.shape[1];
    std::int64_t acc = 0, weight_sum = 0;
    for_each_index(window, [&](const Index& k) {
      Index from{at[0], group * l.w.shape[2] + k[0]}, weight{group, at[1] % l.w.shape[1], k[0]};
      bool inside = true;
      for (std::size_t d = 1; d < k.size(); ++d) {
        from.push_back(at[d + 1] * l.a.strides[d - 1] - l.a.pads_begin[d - 1] + k[d] * l.a.dilations[d - 1]);
        weight.push_back(k[d]);
        inside = inside && from.back() >= 0 && from.back() < l.x.shape[d + 1];
      }
      const int q =
          inside ? l.in.quantize(value_at(l.x, from), static_cast<std::size_t>(from[1])) : l.in.zero_point;
      const int v = w[offset(l.w.shape, weight)];
      acc += static_cast<std::int64_t>(q) * v;
      weight_sum += v;
    });
    const float w_scale = l.weight_scale[l.weight_scale.size() == 1 ? 0 : c];
    float y = scaled_sum(acc - l.in.zero_point * weight_sum, l.in.of(c) * w_scale,
                         l.bias.empty() ? 0.0F : l.bias[c], step);
    if (residual) y = residual(y, offset(out, at));
    return std::min(std::max(y, l.low / step), l.high / step);
  });
}

ValueId add_layer(GraphBuilder& b, const std::string& name, ValueId x, const Layer& l, bool state_weights) {
  const ValueId y = add_convolution(b, name, x, l.w, l.bias, l.a);
  const ValueId w = b.graph().node(b.graph().value(y).producer).inputs[1];
  if (state_weights) b.graph().value(w).quantization = Quantization{l.weight_scale, 0, -127, 127};
  return y;
}

struct Case {
  const char* what;
  Shape x, w;
  std::int64_t stride, pad, dilation;
};

const Case kCases[] = {{"pointwise", {1, 8, 5, 5}, {1, 16, 8, 1, 1}, 1, 0, 1},
                       {"odd channels, batch 2", {2, 13, 5, 4}, {1, 21, 13, 3, 3}, 1, 1, 1},
                       {"first layer", {1, 3, 9, 9}, {1, 10, 3, 3, 3}, 2, 1, 1},
                       {"groups", {1, 8, 5, 5}, {2, 3, 4, 3, 3}, 1, 1, 1},
                       {"dilated", {1, 4, 9, 9}, {1, 6, 4, 3, 3}, 1, 2, 2},
                       {"depthwise", {2, 35, 6, 7}, {35, 1, 1, 3, 3}, 1, 1, 1},
                       {"depthwise, stride 2", {1, 16, 7, 7}, {16, 1, 1, 3, 3}, 2, 1, 1},
                       {"one dimension", {1, 4, 12}, {1, 5, 4, 3}, 1, 1, 1},
                       {"three dimensions", {1, 3, 4, 4, 4}, {1, 4, 3, 2, 2, 2}, 1, 0, 1}};

Layer layer_of(const Case& c, std::uint64_t seed, Scale in) {
  Layer l{random_tensor(c.x, seed, -3, 3),
          random_tensor(c.w, seed + 1, -1, 1),
          random_tensor({c.w[0] * c.w[1]}, seed + 2).data,
          convolution(c.x.size() - 2, c.stride, c.pad, c.dilation),
          std::move(in),
          {}};
  l.weight_scale = largest_magnitudes(l.w);
  return l;
}

}  // namespace

TEST_CASE("integer convolutions give the bits of the reference in f32 and u8", "[convolution][int8]") {
  std::uint64_t seed = 100;
  for (const Case& c : kCases)
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

TEST_CASE("scales that no file states are the largest magnitudes of the output channels",
          "[convolution][int8]") {
  Layer l = layer_of(kCases[1], 7, Scale{{0.02F}, 128});
  std::fill(l.w.data.begin(), l.w.data.begin() + 13 * 9, 0.0F);  // a filter of zeros
  l.weight_scale = largest_magnitudes(l.w);
  l.weight_scale[0] = 1;
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, l.x.shape);
  b.output(add_layer(b, "y", x, l, false));
  quantize_value(b.graph(), x, l.in.scale, l.in.zero_point);
  CHECK(same_bytes(run_everywhere(b.finish(), {l.x}, true).front(), integer_reference(l).data));
}

TEST_CASE("a depthwise convolution takes one input scale per channel", "[convolution][int8]") {
  for (const Case& c : {kCases[5], kCases[6]}) {
    Layer l = layer_of(c, 31, Scale{{}, 0});
    for (float& v : l.x.data) v = std::fabs(v);
    for (std::int64_t ch = 0; ch < c.x[1]; ++ch)
      l.in.scale.push_back(0.003F + 0.0007F * static_cast<float>(ch));
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, l.x.shape);
    b.output(add_layer(b, "y", x, l, true));
    quantize_value(b.graph(), x, l.in.scale, 0);
    const Graph graph = b.finish();
    CHECK(same_bytes(run_everywhere(graph, {l.x}, true).front(), integer_reference(l).data));
    const auto program = Program::compile(graph, options_for(Isa::scalar, true));
    const auto steps = program->steps();
    CHECK(std::any_of(steps.begin(), steps.end(),
                      [](const StepInfo& s) { return s.op == "Convolution" && s.precision == "I8"; }));
  }
}

TEST_CASE("other convolutions count all channels in units of the largest scale", "[convolution][int8]") {
  Layer l = layer_of(kCases[0], 3, Scale{{}, 128});
  for (std::int64_t ch = 0; ch < l.x.shape[1]; ++ch)
    l.in.scale.push_back(0.01F + 0.002F * static_cast<float>(ch));
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, l.x.shape);
  b.output(add_layer(b, "y", x, l, true));
  quantize_value(b.graph(), x, l.in.scale, 128);
  const auto program = Program::compile(b.graph(), options_for(Isa::scalar, true));
  const auto steps = program->steps();
  CHECK(std::any_of(steps.begin(), steps.end(),
                    [](const StepInfo& s) { return s.op == "Convolution" && s.precision == "I8"; }));

  // The same numbers by hand: inputs on their own grids, weights times the share of the largest scale.
  Layer by_hand = l;
  const float largest = l.in.scale.back();
  const auto pixels = static_cast<std::size_t>(element_count(l.x.shape) / l.x.shape[0] / l.x.shape[1]);
  for (std::size_t i = 0; i < l.x.data.size(); ++i) {
    const float scale = l.in.scale[i / pixels % l.in.scale.size()];
    const float q = std::nearbyint(l.x.data[i] * (1.0F / scale)) + 128.0F;
    by_hand.x.data[i] = (std::min(std::max(q, 0.0F), 255.0F) - 128.0F) * largest;
  }
  const auto inputs = static_cast<std::size_t>(l.w.shape[2]);
  const std::size_t kernel = l.w.data.size() / static_cast<std::size_t>(l.w.shape[0] * l.w.shape[1]) / inputs;
  for (std::size_t i = 0; i < l.w.data.size(); ++i)
    by_hand.w.data[i] *= l.in.scale[i / kernel % inputs] / largest;
  const auto outputs = run_everywhere(b.graph(), {l.x}, true).front();
  CHECK(deviation(outputs, convolve(by_hand.x, by_hand.w, l.bias, l.a).data) < 0.05);
}

TEST_CASE("residuals are added as stored, in u8 or in f32", "[convolution][int8]") {
  const Shape shape{1, 6, 5, 5};
  const Scale in{{0.02F}, 128}, other{{0.05F}, 77};
  for (const bool integer_residual : {true, false}) {
    INFO("integer residual " << integer_residual);
    Layer left{random_tensor(shape, 1, -3, 3),
               random_tensor({1, 6, 6, 3, 3}, 2, -1, 1),
               random_tensor({6}, 3).data,
               convolution(2, 1, 1),
               in,
               {}};
    left.weight_scale = largest_magnitudes(left.w);
    Layer right = left;
    right.w = random_tensor({1, 6, 6, 1, 1}, 4, -1, 1);
    right.a = convolution(2);
    right.weight_scale = largest_magnitudes(right.w);
    right.low = 0;
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, shape);
    const ValueId l = add_layer(b, "left", x, left, true), r = add_layer(b, "right", x, right, true);
    const ValueId sum = add_activation(b, "y", add_eltwise(b, "sum", "add", l, r), "relu");
    b.output(sum);
    quantize_value(b.graph(), x, in.scale, in.zero_point);
    if (integer_residual) quantize_value(b.graph(), l, other.scale, other.zero_point);
    const Recorder seen = observe_everywhere(b.finish(), {left.x});
    CHECK(seen.dtype("left") == (integer_residual ? DType::u8 : DType::f32));
    if (integer_residual) {
      const Tensor steps = integer_reference(left, other.of(0));
      for (float& v : right.bias) v = other.without_zero(v);
      const Tensor expected = integer_reference(right, 1, [&](float y, std::size_t at) {
        return std::fma(static_cast<float>(other.quantize_steps(steps.data[at])), other.of(0), y);
      });
      CHECK(same_bytes(seen.at("y"), expected.data));
    } else {
      const Tensor sum_of = integer_reference(left);
      const Tensor expected =
          integer_reference(right, 1, [&](float y, std::size_t at) { return y + sum_of.data[at]; });
      CHECK(same_bytes(seen.at("y"), expected.data));
    }
  }
}

TEST_CASE("a residual that a depthwise layer reads by channel ranges is added by those ranges",
          "[convolution][int8]") {
  const Shape shape{1, 4, 5, 5};
  const Scale in{{0.02F}, 128}, by_channel{{0.01F, 0.02F, 0.04F, 0.08F}, 0};
  Layer first{random_tensor(shape, 1, -3, 3),
              random_tensor({1, 4, 4, 3, 3}, 2, -1, 1),
              {},
              convolution(2, 1, 1),
              in,
              {}};
  first.weight_scale = largest_magnitudes(first.w);
  first.low = 0;
  Layer second = first;
  second.w = random_tensor({1, 4, 4, 1, 1}, 5, -1, 1);
  second.a = convolution(2);
  second.weight_scale = largest_magnitudes(second.w);
  second.low = -std::numeric_limits<float>::infinity();
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, shape);
  const ValueId shared = add_activation(b, "shared", add_layer(b, "first", x, first, true), "relu");
  const ValueId depthwise = add_unit_convolution(b, "depthwise", shared);
  const ValueId sum = add_eltwise(b, "sum", "add", add_layer(b, "second", x, second, true), shared);
  b.output(depthwise);
  b.output(sum);
  quantize_value(b.graph(), x, in.scale, in.zero_point);
  quantize_value(b.graph(), shared, by_channel.scale, 0);
  const Recorder seen = observe_everywhere(b.finish(), {first.x});
  REQUIRE(seen.dtype("shared") == DType::u8);
  Tensor stored = integer_reference(first);
  stored = generate(shape, [&](const Index& at) {
    return by_channel.stored(value_at(stored, at), static_cast<std::size_t>(at[1]));
  });
  CHECK(same_bytes(seen.at("shared"), stored.data));
  const Tensor expected =
      integer_reference(second, 1, [&](float y, std::size_t at) { return y + stored.data[at]; });
  CHECK(same_bytes(seen.at("sum"), expected.data));
}

TEST_CASE("slopes act on integer sums", "[convolution][int8]") {
  Layer l = layer_of(kCases[1], 40, Scale{{0.02F}, 128});
  const std::vector<float> slope = random_tensor({21}, 9, 0, 1).data;
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, l.x.shape);
  const ValueId y = add_layer(b, "conv", x, l, true);
  const ValueId s = b.constant("slope", Constant::f32({21}, slope));
  b.output(b.add1("PRelu", "y", Attributes::of(PReluAttributes{}), {y, s}));
  quantize_value(b.graph(), x, l.in.scale, l.in.zero_point);
  Tensor expected = integer_reference(l);
  expected = generate(expected.shape, [&](const Index& at) {
    const float v = value_at(expected, at);
    return v < 0 ? v * slope[static_cast<std::size_t>(at[1])] : v;
  });
  CHECK(same_bytes(run_everywhere(b.finish(), {l.x}, true).front(), expected.data));
}
