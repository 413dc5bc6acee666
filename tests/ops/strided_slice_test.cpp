#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

struct Case {
  const char* what;
  Shape x;
  std::vector<std::int64_t> begin, end, steps;
  StridedSliceAttributes a;
  Shape out;
  /// Per input dimension where the result starts and how it goes on.
  std::vector<std::int64_t> start, step;
};

StridedSliceAttributes masks(std::vector<std::int64_t> begin, std::vector<std::int64_t> end,
                             std::vector<std::int64_t> new_axis = {}, std::vector<std::int64_t> shrink = {},
                             std::vector<std::int64_t> ellipsis = {}) {
  return {std::move(begin), std::move(end), std::move(new_axis), std::move(shrink), std::move(ellipsis)};
}

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"range", {6}, {1}, {4}, {1}, {}, {3}, {1}, {1}},
      {"no strides given", {6}, {1}, {4}, {}, {}, {3}, {1}, {1}},
      {"every second", {7}, {0}, {7}, {2}, {}, {4}, {0}, {2}},
      {"from the end", {6}, {-3}, {-1}, {1}, {}, {2}, {3}, {1}},
      {"beyond the end", {6}, {-100}, {100}, {1}, {}, {6}, {0}, {1}},
      {"backwards", {6}, {5}, {0}, {-2}, {}, {3}, {5}, {-2}},
      {"backwards through 0", {6}, {-1}, {-100}, {-1}, {}, {6}, {5}, {-1}},
      {"masked", {6}, {3}, {3}, {1}, masks({1}, {1}), {6}, {0}, {1}},
      {"masked backwards", {6}, {3}, {3}, {-1}, masks({1}, {1}), {6}, {5}, {-1}},
      {"the rest is kept",
       {2, 5, 3, 4},
       {0, 1},
       {2, 4},
       {1, 1},
       {},
       {2, 3, 3, 4},
       {0, 1, 0, 0},
       {1, 1, 1, 1}},
      {"spatial steps",
       {2, 5, 6, 7},
       {0, 0, 1, 0},
       {2, 5, 6, 7},
       {1, 2, 2, 3},
       {},
       {2, 3, 3, 3},
       {0, 0, 1, 0},
       {1, 2, 2, 3}},
      {"shrink",
       {2, 5, 3},
       {1, -1, 0},
       {2, 0, 3},
       {1, 1, 1},
       masks({}, {}, {}, {1, 1, 0}),
       {3},
       {1, 4, 0},
       {1, 1, 1}},
      {"new axis", {2, 3}, {0, 0}, {0, 2}, {1, 1}, masks({}, {}, {1, 0}), {1, 2, 3}, {0, 0}, {1, 1}},
      {"ellipsis",
       {2, 5, 3, 4},
       {0, 0, 1},
       {2, 0, 3},
       {1, 1, 1},
       masks({}, {}, {}, {}, {0, 1, 0}),
       {2, 5, 3, 2},
       {0, 0, 0, 1},
       {1, 1, 1, 1}},
      {"ellipsis before the last",
       {2, 5, 3, 4},
       {0, 1},
       {0, 3},
       {1, 1},
       masks({}, {}, {}, {}, {1, 0}),
       {2, 5, 3, 2},
       {0, 0, 0, 1},
       {1, 1, 1, 1}},
      {"steps as large as integers get", {6}, {2}, {kMax}, {kMax}, {}, {1}, {2}, {1}},
      {"steps as small as integers get", {6}, {4}, {kMin}, {kMin}, {}, {1}, {4}, {1}}};
  return table;
}

std::vector<ValueId> operands(GraphBuilder& b, ValueId x, const Case& c) {
  std::vector<ValueId> ids{x, b.constant("begin", Constant::i64_vector(c.begin)),
                           b.constant("end", Constant::i64_vector(c.end))};
  if (!c.steps.empty()) ids.push_back(b.constant("steps", Constant::i64_vector(c.steps)));
  return ids;
}

Tensor expected_of(const Case& c, const Tensor& x) {
  // Dimensions of the result that come from the input, in order; new axes have one element, removed ones none.
  std::vector<std::int64_t> kept;
  for (std::size_t d = 0; d < c.x.size(); ++d) {
    const bool shrunk = d < c.a.shrink_axis_mask.size() && c.a.shrink_axis_mask[d] != 0;
    if (!shrunk) kept.push_back(static_cast<std::int64_t>(d));
  }
  const std::size_t added = c.out.size() - kept.size();
  return generate(c.out, [&](const Index& at) {
    Index from = c.start;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const auto d = static_cast<std::size_t>(kept[i]);
      from[d] += at[i + added] * c.step[d];
    }
    return value_at(x, from);
  });
}

}  // namespace

TEST_CASE("strided slices have the shapes of the masks", "[strided_slice]") {
  for (const Case& c : cases()) {
    INFO(c.what);
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, c.x);
    CHECK(b.graph().value(b.add1("StridedSlice", "y", Attributes::of(c.a), operands(b, x, c))).shape ==
          c.out);
  }
}

TEST_CASE("strided slices take the elements, folded and at run time", "[strided_slice]") {
  for (const Case& c : cases()) {
    if (element_count(c.out) == 0) continue;
    const Tensor x = random_tensor(c.x, 6);
    const Tensor expected = expected_of(c, x);
    INFO(c.what);
    GraphBuilder folding;
    const ValueId constant = folding.constant("x", constant_of(x));
    const ValueId y = folding.add1("StridedSlice", "y", Attributes::of(c.a), operands(folding, constant, c));
    CHECK(folding.graph().value(y).constant.to_floats() == expected.data);
    for (const Context context : kContexts) {
      INFO(name_of(context));
      CHECK(same_bytes(run_in(context, {x},
                              [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                return b.add1("StridedSlice", "y", Attributes::of(c.a),
                                              operands(b, ids[0], c));
                              }),
                       expected.data));
    }
  }
}

TEST_CASE("slices that do not fit are errors", "[strided_slice]") {
  struct Bad {
    Case c;
    const char* text;
  };
  StridedSliceAttributes two_ellipses;
  two_ellipses.ellipsis_mask = {1, 1};
  const Bad bad[] = {
      {{"", {4}, {0, 0}, {1, 1}, {1, 1}, {}, {}, {}, {}}, "slices more dimensions than [4] has"},
      {{"", {4}, {0}, {1, 1}, {1}, {}, {}, {}, {}}, "begin, end and strides differ in length"},
      {{"", {4}, {0}, {1}, {1, 1}, {}, {}, {}, {}}, "begin, end and strides differ in length"},
      {{"", {4}, {0}, {1}, {0}, {}, {}, {}, {}}, "slices with stride 0"},
      {{"", {2, 3, 4}, {0, 0}, {0, 0}, {1, 1}, two_ellipses, {}, {}, {}}, "more than one ellipsis"},
      {{"", {4}, {4}, {5}, {1}, masks({}, {}, {}, {1}), {}, {}, {}}, "takes index 4 of a dimension of 4"},
      {{"", {4}, {-5}, {5}, {1}, masks({}, {}, {}, {1}), {}, {}, {}}, "takes index -5 of a dimension of 4"}};
  for (const Bad& c : bad) {
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, c.c.x);
    CHECK_THROWS_AS(b.add1("StridedSlice", "y", Attributes::of(c.c.a), operands(b, x, c.c)), FormatError);
    CHECK_THROWS_WITH(b.add1("StridedSlice", "y", Attributes::of(c.c.a), operands(b, x, c.c)),
                      Contains("layer 'y'") && Contains(c.text));
  }
}
