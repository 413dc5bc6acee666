#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

ValueId add_affine(GraphBuilder& b, ValueId x, const std::vector<float>& scale,
                   const std::vector<float>& shift) {
  const auto vector = [&](const char* name, const std::vector<float>& v) {
    return b.constant(name, Constant::f32({static_cast<std::int64_t>(v.size())}, v));
  };
  return b.add1("ChannelAffine", "y", Attributes::of(ChannelAffineAttributes{}),
                {x, vector("scale", scale), vector("shift", shift)});
}

ValueId add_prelu(GraphBuilder& b, ValueId x, const std::vector<float>& slope) {
  const ValueId s = b.constant("slope", Constant::f32({static_cast<std::int64_t>(slope.size())}, slope));
  return b.add1("PRelu", "y", Attributes::of(PReluAttributes{}), {x, s});
}

const Shape kShapes[] = {{2, 19, 3, 4}, {3, 5}, {1, 70, 6},        {1, 3, 2, 3, 4},
                         {2, 1, 5, 5},  {7},    {2, 3, 2, 1, 2, 3}};

std::size_t channel_of(const Index& at) {
  return at.size() > 1 ? static_cast<std::size_t>(at[1]) : 0;
}

}  // namespace

TEST_CASE("scale and shift per channel, or one for all", "[channel_affine]") {
  for (const Shape& shape : kShapes)
    for (const bool single : {false, true}) {
      const std::int64_t channels = single || shape.size() < 2 ? 1 : shape[1];
      const Tensor x = random_tensor(shape, 1);
      const std::vector<float> scale = random_tensor({channels}, 2).data,
                               shift = random_tensor({channels}, 3).data;
      const Tensor expected = generate(shape, [&](const Index& at) {
        const std::size_t c = channels == 1 ? 0 : channel_of(at);
        const float product = value_at(x, at) * scale[c];
        return product + shift[c];
      });
      for (const Context context : kContexts) {
        INFO(to_string(shape) << " " << channels << " " << name_of(context));
        CHECK(same_bytes(run_in(context, {x},
                                [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                  return add_affine(b, ids[0], scale, shift);
                                }),
                         expected.data));
      }
    }
}

TEST_CASE("PReLU slopes per channel, or one for all", "[channel_affine]") {
  for (const Shape& shape : kShapes)
    for (const bool single : {false, true}) {
      const std::int64_t channels = single || shape.size() < 2 ? 1 : shape[1];
      const Tensor x = random_tensor(shape, 1);
      const std::vector<float> slope = random_tensor({channels}, 2).data;
      const Tensor expected = generate(shape, [&](const Index& at) {
        const float v = value_at(x, at);
        return v < 0 ? v * slope[channels == 1 ? 0 : channel_of(at)] : v;
      });
      for (const Context context : kContexts) {
        INFO(to_string(shape) << " " << channels << " " << name_of(context));
        CHECK(same_bytes(run_in(context, {x},
                                [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                  return add_prelu(b, ids[0], slope);
                                }),
                         expected.data));
      }
    }
}

TEST_CASE("a number of values that is not that of the channels is an error", "[channel_affine]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 4, 2, 2});
  CHECK_THROWS_WITH(add_affine(b, x, {1, 2, 3}, {0}),
                    Contains("layer 'y'") && Contains("has 3 values for 4 channels"));
  CHECK_THROWS_WITH(add_affine(b, x, {1}, {0, 1}), Contains("has 2 values for 4 channels"));
  CHECK_THROWS_WITH(add_prelu(b, x, {1, 2, 3, 4, 5}), Contains("has 5 values for 4 channels"));
  const ValueId computed = b.input("scale", DType::f32, {4});
  CHECK_THROWS_WITH(b.add1("PRelu", "y", Attributes::of(PReluAttributes{}), {x, computed}),
                    Contains("input 1 ('scale') must be a constant"));
}

TEST_CASE("scales, shifts and slopes per channel run on integers behind another layer",
          "[channel_affine][int8]") {
  const Scale in{{0.021F}, 100}, out{{0.05F}, 131};
  for (const Shape& shape : {Shape{2, 19, 3, 4}, Shape{1, 70, 6}, Shape{1, 3, 2, 3, 4}})
    for (const bool affine : {true, false})
      for (const bool single : {false, true})
        for (const bool behind : {true, false}) {
          const std::int64_t channels = single ? 1 : shape[1];
          const Tensor x = random_tensor(shape, 1, -3, 3);
          const std::vector<float> scale = random_tensor({channels}, 2).data,
                                   shift = random_tensor({channels}, 3).data;
          GraphBuilder b;
          const ValueId i = b.input("x", DType::f32, shape);
          const ValueId at = behind ? add_identity(b, "front", i) : i;
          const ValueId y = affine ? add_affine(b, at, scale, shift) : add_prelu(b, at, scale);
          b.output(add_unit_convolution(b, "z", y));
          quantize_value(b.graph(), at, in.scale, in.zero_point);
          quantize_value(b.graph(), y, out.scale, out.zero_point);
          const Recorder seen = observe_everywhere(b.finish(), {x});
          INFO(to_string(shape) << " affine " << affine << " single " << single << " behind " << behind);
          // One number for all channels makes an affine node an activation, which runs by table.
          const bool integer = behind || (affine && single);
          REQUIRE(seen.dtype("y") == (integer ? DType::u8 : DType::f32));
          if (!integer) continue;
          const Tensor expected = generate(shape, [&](const Index& p) {
            const std::size_t c = single ? 0 : channel_of(p);
            const float v = in.stored(value_at(x, p)), product = v * scale[c];
            return out.stored(affine ? product + shift[c] : v < 0 ? product : v);
          });
          CHECK(same_bytes(seen.at("y"), expected.data));
        }
}
