#include "tests/ops/reference.h"

using namespace refcalib_test;

TEST_CASE("a selection broadcasts all its operands", "[select]") {
  struct Case {
    Shape condition, x, y, out;
  };
  const Case cases[] = {{{2, 3, 4, 5}, {2, 3, 4, 5}, {2, 3, 4, 5}, {2, 3, 4, 5}},
                        {{2, 1, 4, 5}, {2, 3, 4, 5}, {}, {2, 3, 4, 5}},
                        {{5}, {3, 1}, {1}, {3, 5}},
                        {{}, {4, 600}, {600}, {4, 600}}};
  std::uint64_t seed = 0;
  for (const Case& c : cases) {
    Tensor condition = random_tensor(c.condition, ++seed, -1, 1);
    for (float& v : condition.data) v = v < 0 ? 0.0F : 0.5F;
    const Tensor x = random_tensor(c.x, ++seed), y = random_tensor(c.y, ++seed);
    const Tensor expected = generate(c.out, [&](const Index& at) {
      return broadcast_at(condition, at) != 0 ? broadcast_at(x, at) : broadcast_at(y, at);
    });
    for (const Context context : {Context::alone, Context::channels_last}) {
      const auto actual =
          run_in(context, {condition, x, y}, [](GraphBuilder& b, const std::vector<ValueId>& ids) {
            return b.add1("Select", "z", Attributes::of(NoAttributes{}), ids);
          });
      CHECK(actual == expected.data);
    }
  }
}

TEST_CASE("a selection of integers, with constants, and of constants", "[select]") {
  const auto select = Attributes::of(NoAttributes{});
  GraphBuilder b;
  const ValueId x = b.input("x", DType::i64, {4});
  const ValueId positive =
      add_eltwise(b, "positive", "greater", x, b.constant("zero", Constant::i64({}, {0})));
  b.output(b.add1("Select", "y", select, {positive, x, b.constant("k", Constant::i64({1}, {-1}))}));
  CHECK(run_everywhere(b.finish(), {{{4}, {3, -2, 0, 7}}}).front() == std::vector<float>{3, -1, -1, 7});
  const Constant constant =
      folded("Select", select,
             {Constant::i64({2, 1}, {1, 0}), Constant::i64({3}, {1, 2, 3}), Constant::i64({}, {9})});
  CHECK(constant.shape() == Shape{2, 3});
  CHECK(constant.to_ints() == std::vector<std::int64_t>{1, 2, 3, 9, 9, 9});
  CHECK_THROWS_WITH(inferred("Select", select, {{2}, {3}, {4}}), Contains("do not broadcast"));
}

TEST_CASE("conversions of computed values", "[convert]") {
  const auto convert = [](DType from, const char* to, std::vector<float> values) {
    GraphBuilder b;
    const auto count = static_cast<std::int64_t>(values.size());
    b.output(b.add1("Convert", "y", Attributes::of(ConvertAttributes{to}), {b.input("x", from, {count})}));
    return run_everywhere(b.finish(), {{{count}, std::move(values)}}).front();
  };
  const float nan = std::nanf("");
  CHECK(convert(DType::f32, "i64", {1.7F, -1.7F, nan, 3}) == std::vector<float>{1, -1, 0, 3});
  CHECK(convert(DType::f32, "i32", {1e20F, -1e20F, 0.5F}) ==
        std::vector<float>{2147483648.0F, -2147483648.0F, 0});
  CHECK(convert(DType::f32, "u8", {-3, 300, 7.9F}) == std::vector<float>{0, 255, 7});
  CHECK(convert(DType::f32, "boolean", {0, -0.0F, 0.25F, nan}) == std::vector<float>{0, 0, 1, 1});
  CHECK(convert(DType::i64, "i32", {1e12F, -5}) == std::vector<float>{2147483648.0F, -5});
  CHECK(convert(DType::i64, "boolean", {0, 256}) == std::vector<float>{0, 1});
  CHECK(convert(DType::i64, "f32", {12, -4}) == std::vector<float>{12, -4});
  CHECK(convert(DType::i32, "i64", {12, -4}) == std::vector<float>{12, -4});
  CHECK(convert(DType::i64, "i8", {200, -200, 5}) == std::vector<float>{127, -128, 5});
}

TEST_CASE("observers see integers and truth values as floats", "[convert]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::i64, {3}), y = b.input("y", DType::i32, {3});
  const ValueId less = add_eltwise(b, "less", "less", x, b.constant("k", Constant::i64({}, {300})));
  b.output(b.add1("Select", "picked", Attributes::of(NoAttributes{}), {less, x, y}));
  Session session(Program::compile(b.finish(), options_for(Isa::scalar)), 1);
  feed(session, {{{3}, {299, 300, -70000}}, {{3}, {1, 2, 3}}});
  Recorder seen;
  session.run(seen);
  CHECK(seen.at("x/i64") == std::vector<float>{299, 300, -70000});
  CHECK(seen.at("less") == std::vector<float>{1, 0, 1});
  CHECK(seen.at("picked") == std::vector<float>{299, 2, -70000});
}
