#include "engine/ops/fold.h"
#include "tests/ops/reference.h"

using namespace refcalib_test;

TEST_CASE("constants of every element type from doubles and back", "[fold]") {
  const std::vector<double> values = {0, 1, 2, 100};
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i) {
    const auto type = static_cast<DType>(i);
    INFO(to_string(type));
    const Constant c = make_constant(type, {2, 2}, values);
    CHECK(c.shape() == Shape{2, 2});
    // Half precision is widened: folded values are few and are used as floats.
    CHECK(c.dtype() == (type == DType::f16 ? DType::f32 : type));
    CHECK(to_doubles(c) == values);
  }
  CHECK(to_doubles(make_constant(DType::f64, {1}, {1.0 / 3})) == std::vector<double>{1.0 / 3});
  CHECK(to_doubles(make_constant(DType::i8, {2}, {-128, 127})) == std::vector<double>{-128, 127});
}

TEST_CASE("numbers outside an integer type saturate, not-a-number becomes 0", "[fold]") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const auto ints = [&](DType type) {
    return make_constant(type, {5}, {1e30, -1e30, inf, -inf, nan}).to_ints();
  };
  CHECK(ints(DType::i8) == std::vector<std::int64_t>{127, -128, 127, -128, 0});
  CHECK(ints(DType::u8) == std::vector<std::int64_t>{255, 0, 255, 0, 0});
  CHECK(ints(DType::i32) ==
        std::vector<std::int64_t>{2147483647, -2147483648LL, 2147483647, -2147483648LL, 0});
  constexpr std::int64_t high = std::numeric_limits<std::int64_t>::max(),
                         low = std::numeric_limits<std::int64_t>::min();
  CHECK(ints(DType::i64) == std::vector<std::int64_t>{high, low, high, low, 0});
}

TEST_CASE("conversions of constants truncate toward zero", "[convert]") {
  const auto convert = [](const Constant& c, const std::string& to) {
    return folded("Convert", Attributes::of(ConvertAttributes{to}), {c});
  };
  const Constant real = Constant::f32({4}, {-1.75F, -0.5F, 0.5F, 2.25F});
  CHECK(convert(real, "i64").to_ints() == std::vector<std::int64_t>{-1, 0, 0, 2});
  CHECK(convert(real, "i32").dtype() == DType::i32);
  CHECK(convert(real, "boolean").to_ints() == std::vector<std::int64_t>{1, 1, 1, 1});
  CHECK(convert(Constant::i64_vector({0, 3}), "boolean").to_ints() == std::vector<std::int64_t>{0, 1});
  CHECK(convert(Constant::i64_vector({7, -3}), "f32").to_floats() == std::vector<float>{7, -3});
  CHECK(convert(Constant::i64_vector({7}), "f16").dtype() == DType::f32);
  // Weights stay in the file's half precision until they are packed.
  const auto halves = std::make_shared<std::vector<std::uint16_t>>(2, float_to_half(0.5F));
  const Constant half(DType::f16, {2}, std::as_bytes(std::span(*halves)), halves);
  CHECK(convert(half, "f32").dtype() == DType::f16);
  CHECK(convert(half, "f32").bytes().data() == half.bytes().data());
  CHECK_THROWS_WITH(convert(real, "f4"), Contains("conversion to element type 'f4' is not supported"));
}

TEST_CASE("a conversion of computed floats to floats is a copy", "[convert]") {
  const Tensor x = random_tensor({2, 5, 3, 3}, 1);
  for (const Context context : kContexts)
    CHECK(same_bytes(run_in(context, {x},
                            [](GraphBuilder& b, const std::vector<ValueId>& ids) {
                              return b.add1("Convert", "y", Attributes::of(ConvertAttributes{"f16"}),
                                            {ids[0]});
                            }),
                     x.data));
}

TEST_CASE("ranges count from start to before stop", "[range]") {
  const auto range = [](const Constant& a, const Constant& b, const Constant& c) {
    return folded("Range", Attributes::of(NoAttributes{}), {a, b, c});
  };
  const auto integer = [](std::int64_t v) { return Constant::i64({}, {v}); };
  const auto real = [](float v) { return Constant::f32({}, {v}); };
  CHECK(range(integer(2), integer(9), integer(3)).to_ints() == std::vector<std::int64_t>{2, 5, 8});
  CHECK(range(integer(5), integer(1), integer(-2)).to_ints() == std::vector<std::int64_t>{5, 3});
  CHECK(range(real(0), real(1), real(0.25F)).to_floats() == std::vector<float>{0, 0.25F, 0.5F, 0.75F});
  CHECK(range(integer(2), integer(2), integer(1)).shape() == Shape{0});
  CHECK(range(integer(2), integer(1), integer(1)).shape() == Shape{0});
  CHECK_THROWS_WITH(range(integer(0), integer(1), integer(0)), Contains("Range has no finite step"));
  CHECK_THROWS_WITH(range(real(0), real(INFINITY), real(1)), Contains("Range has no finite step"));
  CHECK_THROWS_WITH(range(integer(0), integer(std::int64_t{1} << 40), integer(1)),
                    Contains("Range has too many elements"));
  CHECK_THROWS_WITH(range(Constant::i64_vector({1, 2}), integer(3), integer(1)),
                    Contains("Range wants scalars"));
}

TEST_CASE("the shape of a computed value is known at load", "[shape_of]") {
  GraphBuilder b;
  const ValueId shape =
      b.add1("ShapeOf", "shape", Attributes::of(NoAttributes{}), {b.input("x", DType::f32, {2, 3, 4})});
  CHECK(b.graph().value(shape).constant.to_ints() == std::vector<std::int64_t>{2, 3, 4});
  CHECK(b.graph().value(shape).shape == Shape{3});
}
