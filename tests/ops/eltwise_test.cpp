#include <functional>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

using Function = std::function<float(float, float)>;

const std::map<std::string, Function>& run_time_operations() {
  static const std::map<std::string, Function> table = {
      {"add", [](float a, float b) { return a + b; }},
      {"sub", [](float a, float b) { return a - b; }},
      {"mul", [](float a, float b) { return a * b; }},
      {"div", [](float a, float b) { return a / b; }},
      {"max", [](float a, float b) { return a > b ? a : b; }},
      {"min", [](float a, float b) { return a < b ? a : b; }},
      {"squared_difference", [](float a, float b) { return (a - b) * (a - b); }},
      {"pow", [](float a, float b) { return std::pow(a, b); }},
      {"prelu", [](float a, float b) { return a < 0 ? a * b : a; }},
      {"div_truncated", [](float a, float b) { return a / b; }},
      {"mod", [](float a, float b) { return std::fmod(a, b); }},
      {"floor_mod", [](float a, float b) { return a - std::floor(a / b) * b; }}};
  return table;
}

Attributes eltwise(const std::string& operation) {
  return Attributes::of(EltwiseAttributes{operation, {}});
}

Tensor combine(const Tensor& a, const Tensor& b, const Shape& shape, const Function& f) {
  return generate(shape, [&](const Index& at) { return f(broadcast_at(a, at), broadcast_at(b, at)); });
}

struct Case {
  Shape a, b, out;
};
const Case kCases[] = {{{2, 5, 3, 4}, {2, 5, 3, 4}, {2, 5, 3, 4}},
                       {{2, 19, 3, 3}, {1, 19, 1, 1}, {2, 19, 3, 3}},
                       {{1, 4, 5, 3}, {1, 1, 5, 3}, {1, 4, 5, 3}},
                       {{1, 4, 1, 3}, {1, 4, 5, 1}, {1, 4, 5, 3}},
                       {{2, 3, 4, 5}, {5}, {2, 3, 4, 5}},
                       {{2, 3, 4, 5}, {}, {2, 3, 4, 5}},
                       {{6, 7}, {6, 7}, {6, 7}},
                       {{4, 1}, {1, 5}, {4, 5}},
                       {{3}, {3}, {3}},
                       {{2, 3, 2, 2, 2}, {1, 3, 1, 1, 1}, {2, 3, 2, 2, 2}}};

}  // namespace

TEST_CASE("element-wise operations broadcast like numpy in every context", "[eltwise]") {
  std::uint64_t seed = 0;
  for (const Case& c : kCases) {
    CHECK(inferred("Eltwise", eltwise("add"), {c.a, c.b}) == c.out);
    const Tensor a = random_tensor(c.a, ++seed, 0.25F, 4), b = random_tensor(c.b, ++seed, 0.25F, 4);
    for (const auto& [operation, f] : run_time_operations())
      for (const Context context : kContexts) {
        // pow calls the C library for every element; its contexts differ in nothing.
        if ((operation == "pow" || operation.ends_with("mod")) && context != Context::channels_last) continue;
        INFO(operation << " of " << to_string(c.a) << " and " << to_string(c.b) << ", " << name_of(context));
        const auto apply = [&, name = operation](GraphBuilder& g, const std::vector<ValueId>& ids) {
          return add_eltwise(g, "y", name, ids[0], ids[1]);
        };
        CHECK(deviation(run_in(context, {a, b}, apply), combine(a, b, c.out, f).data) < 1e-6);
        CHECK(deviation(run_in(context, {b, a}, apply), combine(b, a, c.out, f).data) < 1e-6);
      }
  }
}

TEST_CASE("one operand may be a constant of any shape that broadcasts", "[eltwise]") {
  std::uint64_t seed = 300;
  for (const Case& c : kCases) {
    if (c.out != c.a) continue;
    const Tensor a = random_tensor(c.a, ++seed), b = random_tensor(c.b, ++seed, 0.5F, 2);
    for (const char* operation : {"add", "sub", "mul", "div", "max"})
      for (const bool first : {true, false})
        for (const Context context : {Context::alone, Context::channels_last}) {
          INFO(operation << " of " << to_string(c.a) << " and " << to_string(c.b) << ", constant first "
                         << first);
          const Function& f = run_time_operations().at(operation);
          const Tensor expected = first ? combine(b, a, c.out, f) : combine(a, b, c.out, f);
          const auto actual = run_in(context, {a}, [&](GraphBuilder& g, const std::vector<ValueId>& ids) {
            const ValueId k = g.constant("k", constant_of(b));
            return add_eltwise(g, "y", operation, first ? k : ids[0], first ? ids[0] : k);
          });
          CHECK(deviation(actual, expected.data) < 1e-5);
        }
  }
}

TEST_CASE("tensors of six to eight dimensions are supported, of nine not", "[eltwise]") {
  for (const std::size_t rank : {std::size_t{6}, std::size_t{8}}) {
    Shape shape(rank, 1);
    shape[0] = 2, shape[1] = 3, shape[rank - 1] = 4;
    const Tensor a = random_tensor(shape, 1), b = random_tensor(shape, 2);
    CHECK(deviation(run_in(Context::alone, {a, b},
                           [](GraphBuilder& g, const std::vector<ValueId>& ids) {
                             return add_eltwise(g, "y", "mul", ids[0], ids[1]);
                           }),
                    combine(a, b, shape, run_time_operations().at("mul")).data) == 0);
    const Tensor k{{}, {3}};
    CHECK(deviation(run_in(Context::alone, {a},
                           [&](GraphBuilder& g, const std::vector<ValueId>& ids) {
                             return add_eltwise(g, "y", "mul", ids[0], g.constant("k", constant_of(k)));
                           }),
                    combine(a, k, shape, run_time_operations().at("mul")).data) == 0);
  }
  GraphBuilder g;
  const ValueId x = g.input("x", DType::f32, Shape(9, 2)), y = g.input("y", DType::f32, Shape(9, 2));
  g.output(add_eltwise(g, "sum", "add", x, y));
  CHECK_THROWS_WITH(Program::compile(g.graph(), options_for(Isa::scalar)),
                    Contains("layer 'sum': tensors of more than 8 dimensions are not supported"));
}

TEST_CASE("a fused clamp bounds the result", "[eltwise]") {
  const Tensor a = random_tensor({2, 7, 3, 3}, 1, -9, 9), b = random_tensor({2, 7, 3, 3}, 2, -9, 9);
  EltwiseAttributes attributes{"add", {}};
  attributes.activation.low = -1;
  attributes.activation.high = 6;
  const Tensor expected =
      combine(a, b, a.shape, [](float x, float y) { return std::min(std::max(x + y, -1.0F), 6.0F); });
  for (const Context context : kContexts)
    CHECK(same_bytes(run_in(context, {a, b},
                            [&](GraphBuilder& g, const std::vector<ValueId>& ids) {
                              return g.add1("Eltwise", "y", Attributes::of(attributes), ids);
                            }),
                     expected.data));
}

TEST_CASE("element-wise operations that cannot run are named", "[eltwise]") {
  CHECK_THROWS_WITH(inferred("Eltwise", eltwise("add"), {{2, 3}, {2, 4}}),
                    Contains("shapes [2,3] and [2,4] do not broadcast"));
  GraphBuilder g;
  const ValueId x = g.input("x", DType::f32, {2}), y = g.input("y", DType::f32, {2});
  g.output(add_eltwise(g, "node", "nonsense", x, y));
  CHECK_THROWS_AS(Program::compile(g.graph(), options_for(Isa::scalar)), UnsupportedError);
  CHECK_THROWS_WITH(Program::compile(g.graph(), options_for(Isa::scalar)),
                    Contains("layer 'node': operation 'nonsense' on computed values is not supported"));
  GraphBuilder bits;
  const ValueId p = bits.input("x", DType::f32, {2}), q = bits.input("y", DType::f32, {2});
  bits.output(add_eltwise(bits, "node", "bitwise_and", p, q));
  CHECK_THROWS_WITH(Program::compile(bits.graph(), options_for(Isa::scalar)),
                    Contains("layer 'node': operation 'bitwise_and' on floats is not supported"));
}

TEST_CASE("integers stay integers, comparisons give booleans", "[eltwise]") {
  struct Whole {
    const char* operation;
    std::vector<float> expected;
  };
  // a = -7, 7, 6, 0, 5 and b = 2, 2, -3, 5, 0
  const Whole table[] = {{"add", {-5, 9, 3, 5, 5}},
                         {"sub", {-9, 5, 9, -5, 5}},
                         {"mul", {-14, 14, -18, 0, 0}},
                         {"div", {-4, 3, -2, 0, 0}},
                         {"div_truncated", {-3, 3, -2, 0, 0}},
                         {"max", {2, 7, 6, 5, 5}},
                         {"min", {-7, 2, -3, 0, 0}},
                         {"squared_difference", {81, 25, 81, 25, 25}},
                         {"mod", {-1, 1, 0, 0, 0}},
                         {"floor_mod", {1, 1, 0, 0, 0}},
                         {"pow", {49, 49, 0, 0, 1}},
                         {"bitwise_and", {-7 & 2, 7 & 2, 6 & -3, 0, 0}},
                         {"bitwise_or", {-7 | 2, 7 | 2, 6 | -3, 5, 5}},
                         {"bitwise_xor", {-7 ^ 2, 7 ^ 2, 6 ^ -3, 5, 5}},
                         {"equal", {0, 0, 0, 0, 0}},
                         {"not_equal", {1, 1, 1, 1, 1}},
                         {"less", {1, 0, 0, 1, 0}},
                         {"less_equal", {1, 0, 0, 1, 0}},
                         {"greater", {0, 1, 1, 0, 1}},
                         {"greater_equal", {0, 1, 1, 0, 1}},
                         {"logical_and", {1, 1, 1, 0, 0}},
                         {"logical_or", {1, 1, 1, 1, 1}},
                         {"logical_xor", {0, 0, 0, 1, 1}}};
  const Tensor a{{5}, {-7, 7, 6, 0, 5}}, b{{5}, {2, 2, -3, 5, 0}};
  for (const DType type : {DType::i64, DType::i32, DType::f32})
    for (const Whole& c : table) {
      const std::string name = c.operation;
      const bool boolean = name.find("equal") != std::string::npos || name.starts_with("less") ||
                           name.starts_with("greater") || name.starts_with("logical");
      if (type == DType::f32 && !boolean) continue;
      INFO(c.operation << " of " << to_string(type));
      GraphBuilder g;
      const ValueId x = g.input("x", type, {5}), y = g.input("y", type, {5});
      const ValueId z = add_eltwise(g, "z", c.operation, x, y);
      CHECK(g.graph().value(z).dtype == (boolean ? DType::boolean : type));
      g.output(z);
      CHECK(run_everywhere(g.finish(), {a, b}).front() == c.expected);
    }
}

TEST_CASE("whole constants take part in the type of the other operand", "[eltwise]") {
  for (const bool whole : {false, true}) {
    GraphBuilder g;
    const ValueId x = g.input("x", whole ? DType::i64 : DType::f32, {2, 3});
    const ValueId k = g.constant("k", Constant::i64({3}, {1, 2, 4}));
    g.output(add_eltwise(g, "y", "div", x, k));
    CHECK(run_everywhere(g.finish(), {{{2, 3}, {7, 7, 7, -7, -7, -7}}}).front() ==
          (whole ? std::vector<float>{7, 3, 1, -7, -4, -2}
                 : std::vector<float>{7, 3.5F, 1.75F, -7, -3.5F, -1.75F}));
  }
  GraphBuilder g;
  EltwiseAttributes attributes{"add", {}};
  attributes.activation.low = 0;
  const ValueId x = g.input("x", DType::i64, {3}), y = g.input("y", DType::i64, {3});
  g.output(g.add1("Eltwise", "sum", Attributes::of(attributes), {x, y}));
  CHECK(run_everywhere(g.finish(), {{{3}, {1, -5, 2}}, {{3}, {1, 2, -2}}}).front() ==
        std::vector<float>{2, 0, 0});
}

TEST_CASE("constants fold by the rules of their element type", "[eltwise]") {
  struct Fold {
    const char* operation;
    std::vector<float> floats;
    std::vector<std::int64_t> integers;
  };
  // a = -7, 7, 6, 0 and b = 2, 2, -3, 5.
  const Fold table[] = {{"add", {-5, 9, 3, 5}, {-5, 9, 3, 5}},
                        {"sub", {-9, 5, 9, -5}, {-9, 5, 9, -5}},
                        {"mul", {-14, 14, -18, 0}, {-14, 14, -18, 0}},
                        {"div", {-3.5F, 3.5F, -2, 0}, {-4, 3, -2, 0}},
                        {"max", {2, 7, 6, 5}, {2, 7, 6, 5}},
                        {"min", {-7, 2, -3, 0}, {-7, 2, -3, 0}},
                        {"squared_difference", {81, 25, 81, 25}, {81, 25, 81, 25}},
                        {"mod", {-1, 1, 0, 0}, {-1, 1, 0, 0}},
                        {"floor_mod", {1, 1, 0, 0}, {1, 1, 0, 0}},
                        {"equal", {0, 0, 0, 0}, {0, 0, 0, 0}},
                        {"not_equal", {1, 1, 1, 1}, {1, 1, 1, 1}},
                        {"less", {1, 0, 0, 1}, {1, 0, 0, 1}},
                        {"less_equal", {1, 0, 0, 1}, {1, 0, 0, 1}},
                        {"greater", {0, 1, 1, 0}, {0, 1, 1, 0}},
                        {"greater_equal", {0, 1, 1, 0}, {0, 1, 1, 0}},
                        {"logical_and", {1, 1, 1, 0}, {1, 1, 1, 0}},
                        {"logical_or", {1, 1, 1, 1}, {1, 1, 1, 1}},
                        {"logical_xor", {0, 0, 0, 1}, {0, 0, 0, 1}}};
  for (const Fold& c : table) {
    INFO(c.operation);
    const std::string name = c.operation;
    const bool boolean = name.find("equal") != std::string::npos || name.starts_with("less") ||
                         name.starts_with("greater") || name.starts_with("logical");
    const Constant real = folded("Eltwise", eltwise(name),
                                 {Constant::f32({4}, {-7, 7, 6, 0}), Constant::f32({4}, {2, 2, -3, 5})});
    CHECK(real.to_floats() == c.floats);
    CHECK(real.dtype() == (boolean ? DType::boolean : DType::f32));
    const Constant whole = folded("Eltwise", eltwise(name),
                                  {Constant::i64_vector({-7, 7, 6, 0}), Constant::i64_vector({2, 2, -3, 5})});
    CHECK(whole.to_ints() == c.integers);
    CHECK(whole.dtype() == (boolean ? DType::boolean : DType::i64));
  }
  const Constant power =
      folded("Eltwise", eltwise("pow"), {Constant::f32({3}, {2, 3, 4}), Constant::f32({}, {2})});
  CHECK(power.to_floats() == std::vector<float>{4, 9, 16});
  const Constant outer =
      folded("Eltwise", eltwise("mul"), {Constant::f32({2, 1}, {2, 3}), Constant::f32({3}, {1, 10, 100})});
  CHECK(outer.shape() == Shape{2, 3});
  CHECK(outer.to_floats() == std::vector<float>{2, 20, 200, 3, 30, 300});
  for (const char* operation : {"div", "mod", "floor_mod"})
    CHECK_THROWS_WITH(
        folded("Eltwise", eltwise(operation), {Constant::i64_vector({1}), Constant::i64_vector({0})}),
        Contains("layer 'layer'") && Contains("divides by zero"));
}

TEST_CASE("integer sums and products give the bits of the reference", "[eltwise][int8]") {
  const Scale sa{{0.021F}, 128}, sb{{0.034F}, 61}, so{{0.055F}, 90};
  for (const char* operation : {"add", "mul"})
    for (const Shape& shape : {Shape{2, 19, 3, 3}, Shape{1, 6, 7}, Shape{1, 4, 2, 3, 2}})
      for (const bool clamped : {false, true}) {
        INFO(operation << " " << to_string(shape) << " clamped " << clamped);
        const Tensor x = random_tensor(shape, 5, -3, 3), y = random_tensor(shape, 6, -3, 3);
        EltwiseAttributes attributes{operation, {}};
        if (clamped) attributes.activation.low = 0, attributes.activation.high = 3;
        GraphBuilder b;
        const ValueId i = b.input("x", DType::f32, shape), j = b.input("y", DType::f32, shape);
        const ValueId z = b.add1("Eltwise", "z", Attributes::of(attributes), {i, j});
        b.output(add_unit_convolution(b, "w", z));
        quantize_value(b.graph(), i, sa.scale, sa.zero_point);
        quantize_value(b.graph(), j, sb.scale, sb.zero_point);
        quantize_value(b.graph(), z, so.scale, so.zero_point);
        const Recorder seen = observe_everywhere(b.finish(), {x, y});
        REQUIRE(seen.dtype("z") == DType::u8);
        const Tensor expected = combine(x, y, shape, [&](float p, float q) {
          const float r = run_time_operations().at(operation)(sa.stored(p), sb.stored(q));
          return so.stored(clamped ? std::min(std::max(r, 0.0F), 3.0F) : r);
        });
        CHECK(same_bytes(seen.at("z"), expected.data));
      }
}

TEST_CASE("an integer operand broadcasts to the other in both memory orders", "[eltwise][int8]") {
  const Scale sa{{0.021F}, 128}, sb{{0.034F}, 61}, so{{0.055F}, 90};
  const Shape whole{2, 19, 3, 5};
  for (const char* operation : {"add", "mul"})
    for (const Shape& part :
         {Shape{2, 19, 1, 1}, Shape{1, 19, 1, 1}, Shape{2, 1, 3, 5}, Shape{2, 19, 3, 1}, Shape{1, 1, 1, 1}})
      for (const bool first : {false, true})
        for (const bool pixels : {false, true}) {
          INFO(operation << " " << to_string(part) << " first " << first << " channels-last " << pixels);
          const Tensor x = random_tensor(first ? part : whole, 5, -3, 3),
                       y = random_tensor(first ? whole : part, 6, -3, 3);
          EltwiseAttributes attributes{operation, {}};
          attributes.activation.high = 2.5;
          GraphBuilder b;
          ValueId i = b.input("x", DType::f32, x.shape), j = b.input("y", DType::f32, y.shape);
          if (pixels) i = add_identity(b, "x/pixels", i), j = add_identity(b, "y/pixels", j);
          const ValueId z = b.add1("Eltwise", "z", Attributes::of(attributes), {i, j});
          b.output(add_unit_convolution(b, "w", z));
          quantize_value(b.graph(), i, sa.scale, sa.zero_point);
          quantize_value(b.graph(), j, sb.scale, sb.zero_point);
          quantize_value(b.graph(), z, so.scale, so.zero_point);
          const Recorder seen = observe_everywhere(b.finish(), {x, y});
          REQUIRE(seen.dtype("z") == DType::u8);
          const Tensor expected = combine(x, y, whole, [&](float p, float q) {
            const float r = run_time_operations().at(operation)(sa.stored(p), sb.stored(q));
            return so.stored(std::min(r, 2.5F));
          });
          CHECK(same_bytes(seen.at("z"), expected.data));
        }
}

TEST_CASE("operands of different ranks and other operations run in float between integer layers",
          "[eltwise][int8]") {
  struct Bad {
    const char* operation;
    Shape y;
  };
  for (const Bad& c : {Bad{"add", {4, 1, 1}}, Bad{"sub", {1, 4, 3, 3}}, Bad{"max", {1, 4, 3, 3}}}) {
    INFO(c.operation << " " << to_string(c.y));
    const Tensor x = random_tensor({1, 4, 3, 3}, 5), y = random_tensor(c.y, 6);
    GraphBuilder b;
    const ValueId i = b.input("x", DType::f32, x.shape), j = b.input("y", DType::f32, c.y);
    const ValueId z = add_eltwise(b, "z", c.operation, i, j);
    b.output(add_unit_convolution(b, "w", z));
    for (const ValueId id : {i, j, z}) quantize_value(b.graph(), id, {0.03F}, 128);
    const Recorder seen = observe_everywhere(b.finish(), {x, y});
    CHECK(seen.dtype("z") == DType::f32);
    CHECK(same_bytes(seen.at("z"), combine(x, y, x.shape, run_time_operations().at(c.operation)).data));
    CHECK(seen.dtype("z/u8") == DType::u8);
  }
}
