#pragma once

#include <string>
#include <vector>

#include "tests/ops/network.h"

namespace refcalib_test {

/// What random networks may contain.
struct RandomNetworkOptions {
  int layers = 14;
  bool fake_quantize =
      false;  ///< FakeQuantize on activations and weights; a float run leaves it out once it is absorbed
  bool random_outputs = true;  ///< some inner values are given out too
};

/// A network of convolutions, products, sums, affine layers, activations, poolings and concatenations over
/// images of one size, ending in a mean and a product, decided by the seed alone.
class RandomNetwork {
 public:
  explicit RandomNetwork(std::uint64_t seed, const RandomNetworkOptions& options = {})
      : random_(seed), options_(options) {
    const Shape shape{random_.integer(1, 2), random_.integer(1, 6), 5, 4};
    for (std::int64_t i = random_.integer(1, 2); i > 0; --i) {
      inputs.push_back(random_tensor(shape, random_.bits()));
      values_.push_back(b_.input("x" + std::to_string(i), DType::f32, shape));
    }
    for (int i = 0; i < options.layers; ++i) add_layer("n" + std::to_string(i));
    finish();
  }

  Graph graph;
  std::vector<Tensor> inputs;

 private:
  std::int64_t below(std::int64_t n) { return random_.integer(0, n - 1); }
  /// Mostly one of the latest values, so that chains form.
  ValueId pick() {
    const auto count = static_cast<std::int64_t>(values_.size());
    const std::int64_t back = below(3) == 0 ? below(count) : below(std::min<std::int64_t>(count, 2));
    return values_[static_cast<std::size_t>(count - 1 - back)];
  }
  const Shape& shape(ValueId id) const { return b_.graph().value(id).shape; }
  ValueId random_constant(const std::string& name, const Shape& of, float low, float high) {
    return b_.constant(name, constant_of(random_tensor(of, random_.bits(), low, high)));
  }

  void add_layer(const std::string& name) {
    const ValueId x = pick();
    switch (below(options_.fake_quantize ? 12 : 10)) {
      case 0:
      case 1:
      case 2:
        return keep(weighted(name, x));
      case 3:
        return keep(affine(name, x));
      case 4:
      case 5:
        return keep(activation(name, x));
      case 6:
      case 7:
        return keep(sum(name, x));
      case 8:
        return keep(pool(name, x));
      case 9:
        return keep(concat(name, x));
      default:
        return keep(quantized(name, x));
    }
  }
  void keep(ValueId id) { values_.push_back(id); }

  ValueId weighted(const std::string& name, ValueId x) {
    const std::int64_t channels = shape(x)[1], size = below(2) == 0 ? 1 : 3;
    const bool depthwise = channels > 1 && below(3) == 0;
    const std::int64_t made = below(2) == 0 ? channels : random_.integer(1, 6);
    const Shape w = depthwise ? Shape{channels, 1, 1, size, size} : Shape{1, made, channels, size, size};
    const auto bound = 1.5F / static_cast<float>(depthwise ? size : size * channels);
    ValueId weights = random_constant(name + "/w", w, -bound, bound);
    if (options_.fake_quantize && below(2) == 0) weights = quantized_weights(name + "/w", weights, bound);
    std::vector<ValueId> ids{x, weights};
    if (below(2) == 0) ids.push_back(random_constant(name + "/b", {w[0] * w[1]}, -0.5F, 0.5F));
    return b_.add1("Convolution", name, Attributes::of(convolution(2, 1, size / 2)), ids);
  }

  /// Limits for all weights or for each output channel; sometimes a change of the shape follows.
  ValueId quantized_weights(const std::string& name, ValueId weights, float bound) {
    const Shape all = shape(weights);
    const ValueId stored = fake_quantize(name + "/fq", weights, -bound, bound, 255);
    if (below(2) == 0) return stored;
    const ValueId flat = b_.add1("Reshape", name + "/flat", Attributes::of(ReshapeAttributes{}),
                                 {stored, b_.constant("s", Constant::i64_vector({-1}))});
    const ValueId back = b_.add1("Reshape", name + "/back", Attributes::of(ReshapeAttributes{}),
                                 {flat, b_.constant("s", Constant::i64_vector(all))});
    return below(2) == 0 ? back : fake_quantize(name + "/fq2", back, -bound, bound, 16);
  }

  ValueId fake_quantize(const std::string& name, ValueId x, float low, float high, std::int64_t levels) {
    const ValueId l = b_.constant(name + "/l", Constant::f32({1}, {low}));
    const ValueId h = b_.constant(name + "/h", Constant::f32({1}, {high}));
    return b_.add1("FakeQuantize", name, Attributes::of(FakeQuantizeAttributes{levels}), {x, l, h, l, h});
  }

  /// Unsigned or symmetric; sometimes a number of levels that integers cannot have.
  ValueId quantized(const std::string& name, ValueId x) {
    const float high = random_.real(1, 6);
    return fake_quantize(name, x, below(2) == 0 ? 0.0F : -high * 128 / 127, high, below(6) == 0 ? 16 : 256);
  }

  ValueId affine(const std::string& name, ValueId x) {
    const std::int64_t channels = shape(x)[1];
    const Shape shapes[] = {{1}, {1, channels, 1, 1}, {channels, 1, 1}, {1, 1, 5, 4}};
    const ValueId k = random_constant(name + "/k", shapes[below(4)], 0.5F, 1.5F);
    const bool left = below(2) == 0;
    if (const std::int64_t kind = below(4); kind < 3) {
      const char* const operations[] = {"add", "mul", "sub"};
      return add_eltwise(b_, name, operations[kind], left ? k : x, left ? x : k);
    }
    return b_.add1("ChannelAffine", name, Attributes::of(ChannelAffineAttributes{}),
                   {x, random_constant(name + "/s", {channels}, -1.5F, 1.5F),
                    random_constant(name + "/t", {channels}, -0.5F, 0.5F)});
  }

  ValueId activation(const std::string& name, ValueId x) {
    switch (below(6)) {
      case 0:
      case 1:
        return add_activation(b_, name, x, "relu");
      case 2:
        return add_activation(b_, name, x, "clamp", -0.5, 1.5);
      case 3:
        return add_activation(b_, name, x, "leaky_relu", 0.25);
      case 4:
        return add_activation(b_, name, x, "sigmoid");
      default:
        return b_.add1("PRelu", name, Attributes::of(PReluAttributes{}),
                       {x, random_constant(name + "/slope", {shape(x)[1]}, 0, 1)});
    }
  }

  /// Of two values of one shape if there are such; else of the value and itself.
  ValueId sum(const std::string& name, ValueId x) {
    std::vector<ValueId> fitting;
    for (const ValueId id : values_)
      if (shape(id) == shape(x)) fitting.push_back(id);
    const ValueId y = fitting[static_cast<std::size_t>(below(static_cast<std::int64_t>(fitting.size())))];
    return add_eltwise(b_, name, below(4) == 0 ? "max" : "add", below(2) == 0 ? x : y, y);
  }

  ValueId pool(const std::string& name, ValueId x) {
    const char* const method = below(2) == 0 ? "max" : "avg";
    return b_.add1("Pooling", name, Attributes::of(pooling(method, 2, 3, 1, 1)), {x});
  }

  ValueId concat(const std::string& name, ValueId x) {
    const ValueId y = pick();
    if (shape(x)[1] + shape(y)[1] > 12) return activation(name, x);
    return b_.add1("Concat", name, Attributes::of(ConcatAttributes{1}), {x, y});
  }

  void finish() {
    const ValueId last = values_.back();
    const std::int64_t channels = shape(last)[1];
    const bool keep_dims = below(2) == 0;
    ValueId mean =
        b_.add1("Reduce", "mean", Attributes::of(ReduceAttributes{"mean", {2, 3}, keep_dims}), {last});
    if (keep_dims)
      mean = b_.add1("Reshape", "flat", Attributes::of(ReshapeAttributes{}),
                     {mean, b_.constant("s", Constant::i64_vector({0, -1}))});
    const ValueId product = b_.add1("MatMul", "product", Attributes::of(MatMulAttributes{}),
                                    {mean, random_constant("product/w", {channels, 3}, -1, 1)});
    const ValueId biased =
        add_eltwise(b_, "biased", "add", product, random_constant("product/b", {1, 3}, -1, 1));
    b_.output(below(2) == 0 ? biased : add_activation(b_, "bent", biased, "relu"));
    if (options_.random_outputs && below(2) == 0) b_.output(pick());
    graph = b_.finish();
  }

  Random random_;
  RandomNetworkOptions options_;
  GraphBuilder b_;
  std::vector<ValueId> values_;
};

}  // namespace refcalib_test
