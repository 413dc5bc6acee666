#include "engine/ops/indexing.h"

#include "tests/ops/moves.h"

using namespace refcalib_test;

namespace {

using Ints = std::vector<std::int64_t>;

Tensor floats_of(const Shape& shape, const Ints& values) {
  return {shape, std::vector<float>(values.begin(), values.end())};
}

/// The operation on run-time data with run-time indices (fed as floats) and with constant ones of each type, and folded: all
/// must give the same values.
void check_indexed(const std::string& op, const Attributes& attributes, const Tensor& data,
                   const Shape& index_shape, const Ints& indices, const std::vector<Tensor>& more,
                   const Tensor& expected) {
  std::vector<Tensor> inputs{data, floats_of(index_shape, indices)};
  inputs.insert(inputs.end(), more.begin(), more.end());
  const auto at_run_time = [&](bool constant_indices) {
    GraphBuilder b;
    std::vector<ValueId> ids;
    std::vector<Tensor> fed;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (i == 1 && constant_indices) {
        ids.push_back(b.constant("indices", Constant::i64(index_shape, indices)));
        continue;
      }
      ids.push_back(b.input("x" + std::to_string(i), DType::f32, inputs[i].shape));
      fed.push_back(inputs[i]);
    }
    const ValueId y = b.add1(op, "y", attributes, ids);
    CHECK(b.graph().value(y).shape == expected.shape);
    b.output(y);
    return run_everywhere(b.finish(), fed).front();
  };
  INFO(op << " of " << to_string(data.shape) << " by " << to_string(index_shape));
  CHECK(at_run_time(false) == expected.data);
  CHECK(at_run_time(true) == expected.data);
  std::vector<Constant> constants{constant_of(data), Constant::i64(index_shape, indices)};
  for (const Tensor& t : more) constants.push_back(constant_of(t));
  const Constant result = folded(op, attributes, constants);
  CHECK(result.shape() == expected.shape);
  CHECK(result.to_floats() == expected.data);
}

}  // namespace

TEST_CASE("gather with batch dimensions and indices outside", "[gather]") {
  const Tensor x = random_tensor({2, 3, 4}, 1);
  const Ints indices{0, 3, -1, 9, -5, 2};
  const auto pick = [](std::int64_t i, bool wrap) {
    if (i < 0) i = wrap && i >= -4 ? i + 4 : 99;
    return i;
  };
  for (const bool wrap : {false, true}) {
    check_indexed("Gather", Attributes::of(GatherAttributes{2, 1, wrap}), x, {2, 3}, indices, {},
                  generate({2, 3, 3}, [&](const Index& at) {
                    const std::int64_t i = pick(indices[static_cast<std::size_t>(at[0] * 3 + at[2])], wrap);
                    return i > 3 ? 0.0F : value_at(x, {at[0], at[1], i});
                  }));
    check_indexed("Gather", Attributes::of(GatherAttributes{2, 0, wrap}), x, {3, 2}, indices, {},
                  generate({2, 3, 3, 2}, [&](const Index& at) {
                    const std::int64_t i = pick(indices[static_cast<std::size_t>(at[2] * 2 + at[3])], wrap);
                    return i > 3 ? 0.0F : value_at(x, {at[0], at[1], i});
                  }));
  }
  CHECK_THROWS_WITH(inferred("Gather", Attributes::of(GatherAttributes{0, 1}), {{2, 3}, {2}}),
                    Contains("batch_dims"));
  CHECK_THROWS_WITH(inferred("Gather", Attributes::of(GatherAttributes{1, 1}), {{2, 3}, {3}}),
                    Contains("differ in a batch dimension"));
}

TEST_CASE("floats that are no index are outside", "[gather]") {
  GraphBuilder b;
  const ValueId table = b.constant("table", Constant::f32({3}, {10, 20, 30}));
  const ValueId i = b.input("i", DType::f32, {5});
  b.output(b.add1("Gather", "y", Attributes::of(GatherAttributes{0}), {table, i}));
  const Tensor fed{{5}, {1.9F, NAN, INFINITY, -INFINITY, 2.0F}};
  CHECK(run_everywhere(b.finish(), {fed}).front() == std::vector<float>{20, 10, 0, 0, 30});
}

TEST_CASE("gather elements picks along one axis", "[gather]") {
  const Tensor x = random_tensor({2, 3, 2}, 2);
  const Ints indices{0, 2, 1, -1, 2, -3, 5, 1};
  check_indexed("GatherElements", Attributes::of(GatherElementsAttributes{1}), x, {2, 2, 2}, indices, {},
                generate({2, 2, 2}, [&](const Index& at) {
                  std::int64_t i = indices[offset({2, 2, 2}, at)];
                  if (i < 0) i += 3;
                  return i > 2 ? 0.0F : value_at(x, {at[0], i, at[2]});
                }));
  CHECK_THROWS_WITH(inferred("GatherElements", Attributes::of(GatherElementsAttributes{1}), {{2, 3}, {3, 3}}),
                    Contains("differ outside the axis"));
}

TEST_CASE("gather nd takes slices at coordinates", "[gather]") {
  const Tensor x = random_tensor({2, 3, 4}, 3);
  check_indexed("GatherND", Attributes::of(GatherNDAttributes{0}), x, {3, 2}, {0, 1, 1, -1, 2, 0}, {},
                generate({3, 4}, [&](const Index& at) {
                  if (at[0] == 2) return 0.0F;
                  return value_at(x, {at[0] == 0 ? 0 : 1, at[0] == 0 ? 1 : 2, at[1]});
                }));
  const Ints indices{2, 0, 1, 3};
  check_indexed("GatherND", Attributes::of(GatherNDAttributes{1}), x, {2, 1, 2}, indices, {},
                generate({2, 1}, [&](const Index& at) {
                  const auto row = static_cast<std::size_t>(at[0]) * 2;
                  return value_at(x, {at[0], indices[row], indices[row + 1]});
                }));
  CHECK(inferred("GatherND", Attributes::of(GatherNDAttributes{2, true}), {{2, 3, 4}, {2, 3, 5, 1}}) ==
        Shape{6, 5});
  CHECK(inferred("GatherND", Attributes::of(GatherNDAttributes{2, false}), {{2, 3, 4}, {2, 3, 5, 1}}) ==
        Shape{2, 3, 5});
  CHECK_THROWS_WITH(inferred("GatherND", Attributes::of(GatherNDAttributes{0}), {{2}, {1, 2}}),
                    Contains("do not address"));
  CHECK_THROWS_WITH(inferred("GatherND", Attributes::of(GatherNDAttributes{1}), {{2, 2}, {3, 1}}),
                    Contains("differ in a batch dimension"));
}

TEST_CASE("scatter update replaces slices", "[scatter]") {
  const Tensor x = random_tensor({2, 4, 3}, 4), u = random_tensor({2, 3, 3}, 5);
  check_indexed("ScatterUpdate", Attributes::of(ScatterAttributes{1}), x, {3}, {3, -4, 7}, {u},
                generate({2, 4, 3}, [&](const Index& at) {
                  if (at[1] == 3) return value_at(u, {at[0], 0, at[2]});
                  return at[1] == 0 ? value_at(u, {at[0], 1, at[2]}) : value_at(x, at);
                }));
  CHECK_THROWS_WITH(inferred("ScatterUpdate", Attributes::of(ScatterAttributes{0}), {{4, 2}, {2}, {2, 3}}),
                    Contains("do not fit data"));
}

TEST_CASE("scatter elements update reduces", "[scatter]") {
  struct Case {
    const char* reduction;
    bool initial;
    std::vector<float> y;
  };
  const Tensor x{{1, 4}, {1, 2, 3, 4}}, u{{1, 4}, {10, -20, 30, 7}};
  for (const Case& c :
       {Case{"none", true, {30, 2, -20, 7}}, Case{"sum", true, {41, 2, -17, 11}},
        Case{"sum", false, {40, 2, -20, 7}}, Case{"prod", true, {300, 2, -60, 28}},
        Case{"prod", false, {300, 2, -20, 7}}, Case{"min", true, {1, 2, -20, 4}},
        Case{"max", true, {30, 2, 3, 7}}, Case{"min", false, {10, 2, -20, 7}},
        Case{"mean", true, {41.0F / 3, 2, -8.5F, 5.5F}}, Case{"mean", false, {20, 2, -20, 7}}}) {
    INFO(c.reduction << " " << c.initial);
    check_indexed("ScatterElementsUpdate", Attributes::of(ScatterAttributes{1, c.reduction, c.initial}), x,
                  {1, 4}, {0, 2, 0, -1}, {u}, Tensor{x.shape, c.y});
  }
  const Constant ints =
      folded("ScatterElementsUpdate", Attributes::of(ScatterAttributes{0, "mean", true}),
             {Constant::i64_vector({-4, 5}), Constant::i64_vector({0, 1}), Constant::i64_vector({1, 2})});
  CHECK(ints.to_ints() == Ints{-2, 3});
  CHECK_THROWS_WITH(
      inferred("ScatterElementsUpdate", Attributes::of(ScatterAttributes{0, "xor", true}), {{2}, {2}, {2}}),
      Contains("reduction 'xor' is unknown"));
  CHECK_THROWS_WITH(inferred("ScatterElementsUpdate", Attributes::of(ScatterAttributes{0}), {{2}, {3}, {2}}),
                    Contains("do not fit data"));
  CHECK_THROWS_AS(inferred("ScatterElementsUpdate", Attributes::of(ScatterAttributes{0, "mean", true}),
                           {{9000}, {9000}, {9000}}),
                  UnsupportedError);
}

TEST_CASE("scatter nd update writes at coordinates", "[scatter]") {
  const Tensor x = random_tensor({3, 2, 2}, 6), u = random_tensor({3, 2}, 7);
  check_indexed("ScatterNDUpdate", Attributes::of(ScatterAttributes{}), x, {3, 2}, {0, 1, 2, -2, 5, 0}, {u},
                generate({3, 2, 2}, [&](const Index& at) {
                  if (at[0] == 0 && at[1] == 1) return value_at(u, {0, at[2]});
                  return at[0] == 2 && at[1] == 0 ? value_at(u, {1, at[2]}) : value_at(x, at);
                }));
  check_indexed("ScatterNDUpdate", Attributes::of(ScatterAttributes{0, "sub", true}), Tensor{{3}, {5, 6, 7}},
                {2, 1}, {1, 1}, {Tensor{{2}, {1, 2}}}, Tensor{{3}, {5, 3, 7}});
  CHECK_THROWS_WITH(inferred("ScatterNDUpdate", Attributes::of(ScatterAttributes{}), {{2, 2}, {1, 3}, {1}}),
                    Contains("do not address"));
  CHECK_THROWS_WITH(inferred("ScatterNDUpdate", Attributes::of(ScatterAttributes{}), {{2, 2}, {1, 1}, {1}}),
                    Contains("updates have the shape [1], not [1,2]"));
  CHECK_THROWS_AS(
      inferred("ScatterNDUpdate", Attributes::of(ScatterAttributes{0, "mean"}), {{2}, {1, 1}, {1}}),
      FormatError);
}

TEST_CASE("one hot inserts a dimension", "[one_hot]") {
  for (const std::int64_t axis : {0, 1, 2}) {
    const Tensor indices = floats_of({2, 3}, {0, 2, -1, 4, 1, 3});
    const Attributes a = Attributes::of(OneHotAttributes{axis, 4});
    Shape out{2, 3};
    out.insert(out.begin() + axis, 4);
    const Tensor expected = generate(out, [&](const Index& at) {
      Index from = at;
      const std::int64_t k = from[static_cast<std::size_t>(axis)];
      from.erase(from.begin() + axis);
      return value_at(indices, from) == static_cast<float>(k) ? 5.0F : -1.0F;
    });
    GraphBuilder b;
    const ValueId on = b.constant("on", Constant::f32({}, {5})),
                  off = b.constant("off", Constant::f32({}, {-1}));
    b.output(b.add1("OneHot", "y", a, {b.input("x", DType::f32, {2, 3}), on, off}));
    CHECK(run_everywhere(b.finish(), {indices}).front() == expected.data);
    const Constant constant =
        folded("OneHot", a, {constant_of(indices), Constant::f32({}, {5}), Constant::f32({}, {-1})});
    CHECK(constant.shape() == out);
    CHECK(constant.to_floats() == expected.data);
  }
  CHECK_THROWS_WITH(inferred("OneHot", Attributes::of(OneHotAttributes{0, 0}), {{2}, {}, {}}),
                    Contains("the depth is 0"));
  CHECK_THROWS_WITH(inferred("OneHot", Attributes::of(OneHotAttributes{0, 3}), {{2}, {2}, {}}),
                    Contains("single elements"));
}

TEST_CASE("reverse sequence turns the beginnings round", "[reverse_sequence]") {
  for (const bool batch_first : {true, false}) {
    const Shape shape = batch_first ? Shape{3, 4, 2} : Shape{4, 3, 2};
    const Ints lengths{2, 4, 9};
    const Tensor x = random_tensor(shape, 8);
    const std::size_t batch = batch_first ? 0 : 1, seq = 1 - batch;
    check_indexed("ReverseSequence",
                  Attributes::of(ReverseSequenceAttributes{static_cast<std::int64_t>(batch),
                                                           static_cast<std::int64_t>(seq)}),
                  x, {3}, lengths, {}, generate(shape, [&](const Index& at) {
                    Index from = at;
                    const std::int64_t n =
                        std::min<std::int64_t>(lengths[static_cast<std::size_t>(at[batch])], 4);
                    if (at[seq] < n) from[seq] = n - 1 - at[seq];
                    return value_at(x, from);
                  }));
  }
  CHECK_THROWS_WITH(
      inferred("ReverseSequence", Attributes::of(ReverseSequenceAttributes{0, 0}), {{2, 2}, {2}}),
      Contains("the same axis"));
  CHECK_THROWS_WITH(
      inferred("ReverseSequence", Attributes::of(ReverseSequenceAttributes{0, 1}), {{2, 2}, {3}}),
      Contains("has 3 lengths"));
}

TEST_CASE("non-zero coordinates of a constant", "[non_zero]") {
  const Constant found =
      folded("NonZero", Attributes::of(NoAttributes{}), {Constant::f32({2, 3}, {0, 1, 0, -2, 0, 3})});
  CHECK(found.shape() == Shape{2, 3});
  CHECK(found.to_ints() == Ints{0, 1, 1, 1, 0, 2});
  CHECK(folded("NonZero", Attributes::of(NoAttributes{}), {Constant::f32({2}, {0, 0})}).shape() ==
        Shape{1, 0});
  CHECK_THROWS_AS(inferred("NonZero", Attributes::of(NoAttributes{}), {{2}}), UnsupportedError);
  // Coordinates of a high rank are far more numbers than there are elements.
  Shape many(64, 1);
  many.front() = 1 << 19;
  CHECK_THROWS_WITH(folded("NonZero", Attributes::of(NoAttributes{}),
                           {Constant::f32(many, std::vector<float>(1 << 19, 1.0F))}),
                    Contains("too large to be computed at load"));
}
