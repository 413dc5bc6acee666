#include "engine/ops/channel_arrays.h"
#include "engine/ops/strides.h"
#include "tests/ops/reference.h"

using namespace refcalib_test;

TEST_CASE("conversions of precision, with and without a change of the memory order", "[quantize]") {
  // Convolutions read u8 channels-last from inputs in plain order; the pooling in between makes the other order.
  const Scale scales[] = {{{0.03F}, 128}, {{0.02F}, 0}, {{0.017F}, 200}};
  for (const Scale& scale : scales)
    for (const Shape& shape :
         {Shape{2, 19, 3, 5}, Shape{1, 3, 7}, Shape{1, 2, 2, 3, 4}, Shape{2, 4, 1, 1}, Shape{1, 1, 5, 5}})
      for (const bool pixels : {false, true}) {
        INFO(to_string(shape) << " zero point " << scale.zero_point << " channels-last " << pixels);
        const Tensor x = random_tensor(shape, 4, -5, 5);
        GraphBuilder b;
        const ValueId i = b.input("x", DType::f32, shape);
        const ValueId in = pixels ? add_identity(b, "in", i) : i;
        const ValueId y = add_unit_convolution(b, "y", in);
        b.output(y);
        quantize_value(b.graph(), in, scale.scale, scale.zero_point);
        const Recorder seen = observe_everywhere(b.finish(), {x});
        Tensor stored = x;
        for (float& v : stored.data) v = scale.stored(v);
        // The pooling only moves values, so it runs on integers too and the conversion stands in front of it.
        const std::string name = "x/u8";
        CHECK(seen.dtype(name) == DType::u8);
        CHECK(same_bytes(seen.at(name), stored.data));
      }
}

TEST_CASE("a value stored in u8 is given back as floats to float readers", "[dequantize]") {
  const Scale in{{0.03F}, 128}, out{{0.05F}, 100};
  for (const Shape& shape : {Shape{2, 19, 3, 5}, Shape{1, 3, 7}})
    for (const char* reader : {"softmax", "abs", "pixels"}) {
      INFO(to_string(shape) << " " << reader);
      const Tensor x = random_tensor(shape, 4, -5, 5);
      GraphBuilder b;
      const ValueId i = b.input("x", DType::f32, shape);
      const ValueId y = add_unit_convolution(b, "y", i);
      const std::string name = reader;
      const ValueId r = name == "softmax"
                            ? b.add1("Softmax", "r", Attributes::of(SoftmaxAttributes{1, false}), {y})
                        : name == "abs" ? add_activation(b, "r", y, "abs")
                                        : add_identity(b, "r", y);
      b.output(r);
      b.output(add_unit_convolution(b, "z", y));
      quantize_value(b.graph(), i, in.scale, in.zero_point);
      quantize_value(b.graph(), y, out.scale, out.zero_point);
      const Recorder seen = observe_everywhere(b.finish(), {x});
      REQUIRE(seen.dtype("y") == DType::u8);
      REQUIRE(seen.dtype("y/f32") == DType::f32);
      CHECK(same_bytes(seen.at("y/f32"), seen.at("y")));
      if (name == "pixels") CHECK(same_bytes(seen.at("r"), seen.at("y")));
    }
}

TEST_CASE("u8 data keep or change the memory order whatever their readers want", "[quantize][reorder]") {
  // PRelu runs channels-last in float; the reshape behind it moves u8 in plain order.
  const Shape shape{1, 6, 4, 4};
  const Tensor x = random_tensor(shape, 4, -5, 5);
  const Scale scale{{0.04F}, 128};
  GraphBuilder b;
  const ValueId i = b.input("x", DType::f32, shape);
  const ValueId slope = b.constant("slope", Constant::f32({1}, {0.5F}));
  const ValueId p = b.add1("PRelu", "p", Attributes::of(PReluAttributes{}), {i, slope});
  const ValueId r = b.add1("Reshape", "r", Attributes::of(ReshapeAttributes{}),
                           {p, b.constant("s", Constant::i64_vector({1, 3, 8, 4}))});
  const ValueId y = add_unit_convolution(b, "y", r);
  b.output(y);
  for (const ValueId id : {p, r}) quantize_value(b.graph(), id, scale.scale, scale.zero_point);
  const Recorder seen = observe_everywhere(b.finish(), {x});
  Tensor expected = x;
  for (float& v : expected.data) v = scale.stored(v < 0 ? v * 0.5F : v);
  REQUIRE(seen.dtype("r") == DType::u8);
  CHECK(same_bytes(seen.at("r"), expected.data));

  // The same reshape, read by an integer and a float convolution: u8 in plain order to channels-last floats.
  GraphBuilder c;
  const ValueId j = c.input("x", DType::f32, shape);
  const ValueId moved = c.add1("Reshape", "r", Attributes::of(ReshapeAttributes{}),
                               {j, c.constant("s", Constant::i64_vector({1, 3, 8, 4}))});
  c.output(add_unit_convolution(c, "integer", moved));
  const ValueId real = add_unit_convolution(c, "real", moved);
  c.graph().node(c.graph().value(real).producer).hint = PrecisionHint::keep_float;
  c.output(real);
  for (const ValueId id : {j, moved}) quantize_value(c.graph(), id, scale.scale, scale.zero_point);
  const Recorder both = observe_everywhere(c.finish(), {x});
  Tensor stored = x;
  for (float& v : stored.data) v = scale.stored(v);
  CHECK(same_bytes(both.at("r"), stored.data));
  CHECK(same_bytes(both.at("real"), stored.data));
}

TEST_CASE("values per channel are repeated and padded for the kernels", "[channel_arrays]") {
  CHECK(channel_array({2}, 3).size() == 64);
  CHECK(channel_array({2}, 64).size() == 64);
  CHECK(channel_array({2}, 65).size() == 128);
  const std::vector<float> each = channel_array({1, 2, 3}, 3);
  CHECK((each[0] == 1 && each[1] == 2 && each[2] == 3 && each[3] == 0));
  const std::vector<float> one = channel_array({5}, 3);
  CHECK((one[0] == 5 && one[2] == 5 && one[3] == 0));
  const Quantization q{{0.25F, 4}, 3, 0, 255};
  CHECK(channel_scales(q, 2)[1] == 4);
  CHECK(channel_inverse_scales(q, 2)[0] == 4);
  CHECK(channel_inverse_scales(q, 2)[1] == 0.25F);
}

TEST_CASE("strides of both memory orders are given in the order of the file", "[strides]") {
  CHECK(plain_strides({2, 3, 4}) == std::vector<std::int64_t>{12, 4, 1});
  CHECK(plain_strides({}).empty());
  TensorRef t;
  t.shape = {2, 3, 4, 5};
  CHECK(element_strides(t) == std::vector<std::int64_t>{60, 20, 5, 1});
  CHECK(rows_of(t).length == 120);
  t.layout = Layout::channels_last;
  t.pixel_stride = 8;
  CHECK(element_strides(t) == std::vector<std::int64_t>{160, 1, 40, 8});
  CHECK(rows_of(t).rows == 40);
  CHECK(rows_of(t).length == 3);
  CHECK(rows_of(t).stride == 8);
}
