#include "engine/ops/indexing.h"
#include "tests/ops/moves.h"

using namespace refcalib_test;

namespace {

ValueId add_reshape(GraphBuilder& b, ValueId x, const std::vector<std::int64_t>& target,
                    bool special_zero = true) {
  return b.add1("Reshape", "y", Attributes::of(ReshapeAttributes{special_zero}),
                {x, b.constant("shape", Constant::i64_vector(target))});
}

}  // namespace

TEST_CASE("reshape resolves 0 and -1", "[reshape]") {
  struct Case {
    Shape x;
    std::vector<std::int64_t> target;
    bool special_zero;
    Shape out;
  };
  const Case cases[] = {{{2, 3, 4}, {6, 4}, true, {6, 4}},
                        {{2, 3, 4}, {0, -1}, true, {2, 12}},
                        {{2, 3, 4}, {0, 0, 0}, true, {2, 3, 4}},
                        {{2, 3, 4}, {-1}, true, {24}},
                        {{1, 1, 1}, {}, true, {}},
                        {{2, 3, 4}, {4, -1, 2}, false, {4, 3, 2}},
                        {{}, {1, 1}, true, {1, 1}},
                        {{2, 5, 3, 4}, {2, -1, 4, 3}, true, {2, 5, 4, 3}}};
  for (const Case& c : cases) {
    INFO(to_string(c.x) << " to " << to_string(c.out));
    GraphBuilder b;
    CHECK(b.graph().value(add_reshape(b, b.input("x", DType::f32, c.x), c.target, c.special_zero)).shape ==
          c.out);
    check_moves(
        random_tensor(c.x, 4),
        [&](GraphBuilder& g, ValueId id) { return add_reshape(g, id, c.target, c.special_zero); },
        [&](const Tensor& x) {
          return Tensor{c.out, x.data};
        });
  }
  const Constant constant = folded("Reshape", Attributes::of(ReshapeAttributes{}),
                                   {Constant::f32({4}, {1, 2, 3, 4}), Constant::i64_vector({2, -1})});
  CHECK(constant.shape() == Shape{2, 2});
  CHECK(constant.to_floats() == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("reshapes that do not fit are errors", "[reshape]") {
  struct Bad {
    Shape x;
    std::vector<std::int64_t> target;
    const char* text;
  };
  const std::int64_t huge = std::int64_t{1} << 62;
  for (const Bad& c :
       {Bad{{2, 3}, {7}, "cannot reshape [2,3] to [7]"}, Bad{{2, 3}, {-1, 4}, "cannot reshape [2,3] to"},
        Bad{{2, 3}, {-1, -1}, "more than one dimension to infer"}, Bad{{2, 3}, {-2, 3}, "negative dimension"},
        Bad{{2}, {1, 0}, "copies a dimension that [2] does not have"}, Bad{{2, 3}, {huge, huge}, "layer 'y'"},
        Bad{{2, 3}, {0, 3, -1, 0}, "copies a dimension that [2,3] does not have"}}) {
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, c.x);
    CHECK_THROWS_AS(add_reshape(b, x, c.target), Error);
    CHECK_THROWS_WITH(add_reshape(b, x, c.target), Contains(c.text));
  }
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {4}), shape = b.input("shape", DType::i64, {2});
  CHECK_THROWS_WITH(b.add1("Reshape", "y", Attributes::of(ReshapeAttributes{}), {x, shape}),
                    Contains("layer 'y'") && Contains("input 1 ('shape') must be a constant"));
}

TEST_CASE("transpose permutes in every context", "[transpose]") {
  struct Case {
    Shape x;
    std::vector<std::int64_t> order;
  };
  const Case cases[] = {{{3, 4}, {1, 0}},
                        {{2, 3, 4}, {0, 2, 1}},
                        {{2, 5, 3, 4}, {0, 2, 3, 1}},
                        {{2, 3, 4, 5}, {0, 3, 1, 2}},
                        {{2, 5, 3, 4}, {3, 1, 0, 2}},
                        {{2, 5, 3, 4}, {0, 1, 2, 3}},
                        {{2, 2, 3, 4, 3}, {0, 2, 3, 4, 1}},
                        {{1, 2, 3, 2, 2, 2}, {5, 4, 3, 2, 1, 0}}};
  for (const Case& c : cases) {
    INFO(to_string(c.x) << " by " << to_string(c.order));
    CHECK(inferred("Transpose", Attributes::of(TransposeAttributes{c.order}), {c.x}) ==
          transposed(random_tensor(c.x, 1), c.order).shape);
    check_moves(
        random_tensor(c.x, 9),
        [&](GraphBuilder& b, ValueId id) {
          return b.add1("Transpose", "y", Attributes::of(TransposeAttributes{c.order}), {id});
        },
        [&](const Tensor& x) { return transposed(x, c.order); });
    const Tensor x = random_tensor(c.x, 2);
    const Constant constant =
        folded("Transpose", Attributes::of(TransposeAttributes{c.order}), {constant_of(x)});
    CHECK(constant.to_floats() == transposed(x, c.order).data);
  }
  for (const std::vector<std::int64_t>& order : {std::vector<std::int64_t>{0, 0, 1}, {0, 1, 3}, {0, -1, 1}})
    CHECK_THROWS_WITH(inferred("Transpose", Attributes::of(TransposeAttributes{order}), {{2, 3, 4}}),
                      Contains("the order is not a permutation"));
  CHECK_THROWS_WITH(inferred("Transpose", Attributes::of(TransposeAttributes{{1, 0}}), {{2, 3, 4}}),
                    Contains("does not have one entry per dimension of [2,3,4]"));
}

TEST_CASE("split gives the parts along any axis in every context", "[split]") {
  struct Case {
    Shape x;
    std::int64_t axis;
    std::vector<std::int64_t> sizes;
  };
  for (const Case& c : {Case{{2, 19, 3, 4}, 1, {3, 9, 7}}, Case{{2, 6, 3, 5}, 3, {2, 3}},
                        Case{{4, 3}, 0, {1, 3}}, Case{{3, 4, 5}, -1, {5}}, Case{{2, 4, 3, 3}, 0, {1, 1}}})
    for (std::size_t part = 0; part < c.sizes.size(); ++part) {
      INFO(to_string(c.x) << " axis " << c.axis << " part " << part);
      const auto axis =
          static_cast<std::size_t>(c.axis < 0 ? c.axis + static_cast<std::int64_t>(c.x.size()) : c.axis);
      std::int64_t start = 0;
      for (std::size_t i = 0; i < part; ++i) start += c.sizes[i];
      const auto expected = [&](const Tensor& x) {
        Shape shape = x.shape;
        shape[axis] = c.sizes[part];
        return generate(shape, [&](const Index& at) {
          Index from = at;
          from[axis] += start;
          return value_at(x, from);
        });
      };
      check_moves(
          random_tensor(c.x, 3),
          [&](GraphBuilder& b, ValueId id) {
            return b.add("Split", "y", Attributes::of(SplitAttributes{c.axis, c.sizes}), {id},
                         c.sizes.size())[part];
          },
          expected);
      const Tensor x = random_tensor(c.x, 8);
      GraphBuilder b;
      const auto parts = b.add("Split", "y", Attributes::of(SplitAttributes{c.axis, c.sizes}),
                               {b.constant("c", constant_of(x))}, c.sizes.size());
      CHECK(b.graph().value(parts[part]).constant.to_floats() == expected(x).data);
    }
  const auto bad = [](std::int64_t axis, std::vector<std::int64_t> sizes) {
    GraphBuilder b;
    const std::size_t count = sizes.size();
    b.add("Split", "layer", Attributes::of(SplitAttributes{axis, std::move(sizes)}),
          {b.input("x", DType::f32, {2, 4})}, count);
  };
  CHECK_THROWS_WITH(bad(1, {1, 2}), Contains("parts do not add up to dimension 1 of [2,4]"));
  CHECK_THROWS_WITH(bad(1, {-1, 5}), Contains("splits into a negative size"));
  CHECK_THROWS_WITH(bad(2, {4}), Contains("axis 2 is outside a tensor of rank 2"));
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  CHECK_THROWS_WITH(bad(1, {huge, huge, 6}), Contains("layer 'layer'"));
}

TEST_CASE("gather picks along any axis in every context", "[gather]") {
  struct Case {
    Shape x;
    std::int64_t axis;
    Shape indices;
    std::vector<std::int64_t> picks;
    Shape out;
  };
  for (const Case& c :
       {Case{{4, 3}, 0, {2}, {3, 1}, {2, 3}}, Case{{2, 5, 3, 4}, 1, {3}, {4, 0, -2}, {2, 3, 3, 4}},
        Case{{2, 5, 3}, 2, {}, {1}, {2, 5}}, Case{{2, 5, 3}, -2, {2, 2}, {0, 4, 4, 1}, {2, 2, 2, 3}},
        Case{{2, 3, 2, 4}, 3, {2}, {3, 0}, {2, 3, 2, 2}}}) {
    INFO(to_string(c.x) << " axis " << c.axis);
    const auto rank = static_cast<std::int64_t>(c.x.size());
    const auto axis = static_cast<std::size_t>(c.axis < 0 ? c.axis + rank : c.axis);
    const auto expected = [&](const Tensor& x) {
      return generate(c.out, [&](const Index& at) {
        Index from(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(axis)),
            which(at.begin() + static_cast<std::ptrdiff_t>(axis),
                  at.begin() + static_cast<std::ptrdiff_t>(axis + c.indices.size()));
        const std::int64_t pick = c.picks[offset(c.indices, which)];
        from.push_back(pick < 0 ? pick + c.x[axis] : pick);
        from.insert(from.end(), at.begin() + static_cast<std::ptrdiff_t>(axis + c.indices.size()), at.end());
        return value_at(x, from);
      });
    };
    check_moves(
        random_tensor(c.x, 5),
        [&](GraphBuilder& b, ValueId id) {
          return b.add1("Gather", "y", Attributes::of(GatherAttributes{c.axis}),
                        {id, b.constant("i", Constant::i64(c.indices, c.picks))});
        },
        expected);
    const Tensor x = random_tensor(c.x, 6);
    const Constant constant = folded("Gather", Attributes::of(GatherAttributes{c.axis}),
                                     {constant_of(x), Constant::i64(c.indices, c.picks)});
    CHECK(constant.shape() == c.out);
    CHECK(constant.to_floats() == expected(x).data);
  }
  CHECK_THROWS_WITH(inferred("Gather", Attributes::of(GatherAttributes{1}), {{4}, {1}}),
                    Contains("axis 1 is outside a tensor of rank 1"));
  GraphBuilder computed;
  const ValueId x = computed.input("x", DType::f32, {4}), i = computed.input("i", DType::i64, {3});
  computed.output(computed.add1("Gather", "pick", Attributes::of(GatherAttributes{0}), {x, i}));
  CHECK(run_everywhere(computed.finish(), {{{4}, {10, 20, 30, 40}}, {{3}, {3, -1, 1}}}).front() ==
        std::vector<float>{40, 40, 20});
}
