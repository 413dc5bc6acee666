#include "engine/ops/rearrange.h"

#include "tests/ops/moves.h"

using namespace refcalib_test;

namespace {

/// Runs an operation of one input in every context, as float and u8, and folds it; all must give `expected(x)`.
template <class T, class G>
void check(const std::string& op, const T& attributes, const Shape& shape, G expected) {
  check_moves(
      random_tensor(shape, 7),
      [&](GraphBuilder& b, ValueId x) { return b.add1(op, "y", Attributes::of(attributes), {x}); }, expected);
  const Tensor x = random_tensor(shape, 8);
  const Constant constant = folded(op, Attributes::of(attributes), {constant_of(x)});
  CHECK(constant.shape() == expected(x).shape);
  CHECK(constant.to_floats() == expected(x).data);
}

/// The position that padding shows, straight from the definitions; -1 outside.
std::int64_t source(const std::string& mode, std::int64_t i, std::int64_t n) {
  if (i >= 0 && i < n) return i;
  if (mode == "edge") return i < 0 ? 0 : n - 1;
  if (mode == "reflect") return i < 0 ? -i : n - 1 - (i - (n - 1));
  if (mode == "symmetric") return i < 0 ? -1 - i : n - 1 - (i - n);
  return -1;
}

}  // namespace

TEST_CASE("pad gives and takes elements", "[pad]") {
  struct Case {
    Shape x;
    std::vector<std::int64_t> begin, end;
  };
  for (const Case& c :
       {Case{{4}, {2}, {1}}, Case{{2, 5}, {0, 1}, {1, 3}}, Case{{1, 5, 4, 6}, {0, 0, 1, 2}, {0, 0, 2, 1}},
        Case{{2, 19, 3, 3}, {0, 0, 1, 1}, {0, 0, 1, 1}}, Case{{1, 4, 5, 5}, {0, -1, -2, 2}, {0, 2, 1, -3}},
        Case{{1, 2, 3, 3, 4}, {0, 1, 1, 0, 2}, {0, 0, 2, 0, 1}}, Case{{1, 3, 7}, {0, 0, -2}, {0, 0, -4}}})
    for (const char* mode : {"constant", "edge", "reflect", "symmetric"}) {
      INFO(to_string(c.x) << " " << mode);
      Shape out = c.x;
      for (std::size_t d = 0; d < out.size(); ++d) out[d] += c.begin[d] + c.end[d];
      bool mirrors = true;
      for (std::size_t d = 0; d < out.size(); ++d)
        mirrors =
            mirrors && std::max(c.begin[d], c.end[d]) <= c.x[d] - (std::string(mode) == "reflect" ? 1 : 0);
      if (std::string(mode) != "constant" && std::string(mode) != "edge" && !mirrors) continue;
      check("Pad", PadAttributes{c.begin, c.end, mode, 0}, c.x, [&](const Tensor& x) {
        return generate(out, [&](const Index& at) {
          Index from = at;
          for (std::size_t d = 0; d < at.size(); ++d) {
            from[d] = source(mode, at[d] - c.begin[d], c.x[d]);
            if (from[d] < 0) return 0.0F;
          }
          return value_at(x, from);
        });
      });
    }
}

TEST_CASE("padding with a value other than zero stays in float", "[pad]") {
  const Tensor x = random_tensor({1, 3, 4, 4}, 3);
  const PadAttributes a{{0, 0, 1, 0}, {0, 0, 0, 0}, "constant", 1.5};
  GraphBuilder b;
  const ValueId before = add_unit_convolution(b, "before", b.input("x", DType::f32, x.shape));
  const ValueId y = b.add1("Pad", "y", Attributes::of(a), {before});
  b.output(add_unit_convolution(b, "after", y));
  for (ValueId id = 0; id < b.graph().value_count(); ++id)
    if (!b.graph().value(id).constant) quantize_value(b.graph(), id, {0.02F}, 100);
  const Recorder seen = observe_everywhere(b.finish(), {x});
  CHECK(seen.dtype("y") == DType::f32);
  CHECK(seen.at("y")[0] == 1.5F);
}

TEST_CASE("pad refuses what it cannot do", "[pad]") {
  const auto pad = [](std::vector<std::int64_t> begin, std::vector<std::int64_t> end, const char* mode) {
    return inferred("Pad", Attributes::of(PadAttributes{std::move(begin), std::move(end), mode, 0}),
                    {{2, 3}});
  };
  CHECK(pad({0, 2}, {0, 2}, "reflect") == Shape{2, 7});
  CHECK_THROWS_WITH(pad({0, 3}, {0, 0}, "reflect"), Contains("by more than it can mirror"));
  CHECK_THROWS_WITH(pad({0, 0}, {0, 4}, "symmetric"), Contains("by more than it can mirror"));
  CHECK_THROWS_WITH(pad({0, -2}, {0, -2}, "edge"), Contains("crops more than dimension 1 of [2,3]"));
  CHECK_THROWS_WITH(pad({0}, {0, 0}, "edge"), Contains("pads 1 dimensions of [2,3]"));
  CHECK_THROWS_WITH(pad({0, 0}, {0, 0}, "wrap"), Contains("padding mode 'wrap'"));
  CHECK_THROWS_AS(pad({std::numeric_limits<std::int64_t>::max(), 0}, {1, 0}, "constant"), Error);
}

TEST_CASE("tile repeats", "[tile]") {
  struct Case {
    Shape x;
    std::vector<std::int64_t> repeats;
  };
  for (const Case& c : {Case{{3}, {4}}, Case{{2, 3}, {3, 1}}, Case{{1, 3, 2, 5}, {2, 1, 3, 2}},
                        Case{{1, 3, 4, 4}, {1, 5, 1, 1}}, Case{{2, 1, 3}, {1, 7, 1}}}) {
    Shape out = c.x;
    for (std::size_t d = 0; d < out.size(); ++d) out[d] *= c.repeats[d];
    check("Tile", TileAttributes{c.repeats}, c.x, [&](const Tensor& x) {
      return generate(out, [&](const Index& at) {
        Index from = at;
        for (std::size_t d = 0; d < at.size(); ++d) from[d] %= c.x[d];
        return value_at(x, from);
      });
    });
  }
  CHECK_THROWS_WITH(inferred("Tile", Attributes::of(TileAttributes{{1}}), {{2, 3}}),
                    Contains("another shape"));
  CHECK_THROWS_WITH(inferred("Tile", Attributes::of(TileAttributes{{1, -1}}), {{2, 3}}),
                    Contains("-1 times"));
}

TEST_CASE("moving no elements makes no tables, however long the other dimensions are", "[rearrange]") {
  constexpr std::int64_t longest = std::int64_t{1} << 32;
  const Constant nothing = Constant::f32({0, 1}, {});
  CHECK(folded("Tile", Attributes::of(TileAttributes{{1, longest}}), {nothing}).shape() == Shape{0, longest});
  CHECK(folded("Broadcast", Attributes::of(BroadcastAttributes{{0, longest}}), {nothing}).shape() ==
        Shape{0, longest});
  CHECK(
      folded("Pad", Attributes::of(PadAttributes{{0, 0}, {0, longest}, "constant", 0}), {nothing}).shape() ==
      Shape{0, longest + 1});
}

TEST_CASE("broadcast repeats dimensions of one", "[broadcast]") {
  struct Case {
    Shape x, out;
  };
  for (const Case& c : {Case{{1}, {5}}, Case{{2, 1}, {2, 4}}, Case{{1, 3, 1, 1}, {1, 3, 4, 5}},
                        Case{{1, 1, 4, 5}, {2, 3, 4, 5}}, Case{{1, 1, 1}, {2, 3, 4}}}) {
    check("Broadcast", BroadcastAttributes{c.out}, c.x, [&](const Tensor& x) {
      return generate(c.out, [&](const Index& at) { return broadcast_at(x, at); });
    });
  }
  CHECK_THROWS_WITH(inferred("Broadcast", Attributes::of(BroadcastAttributes{{2, 4}}), {{2, 3}}),
                    Contains("cannot broadcast [2,3] to [2,4]"));
}

TEST_CASE("roll shifts around", "[roll]") {
  struct Case {
    Shape x;
    std::vector<std::int64_t> shift;
  };
  for (const Case& c : {Case{{5}, {2}}, Case{{2, 7}, {1, -3}}, Case{{1, 6, 4, 5}, {0, -13, 2, 11}}}) {
    check("Roll", RollAttributes{c.shift}, c.x, [&](const Tensor& x) {
      return generate(c.x, [&](const Index& at) {
        Index from = at;
        for (std::size_t d = 0; d < at.size(); ++d)
          from[d] = ((at[d] - c.shift[d]) % c.x[d] + c.x[d]) % c.x[d];
        return value_at(x, from);
      });
    });
  }
}

TEST_CASE("block permute splits, permutes and merges", "[block_permute]") {
  struct Case {
    Shape x;
    BlockPermuteAttributes a;
  };
  for (const Case& c :
       {Case{{1, 12, 2, 3}, {{1, 2, 2, 3, 2, 3}, {0, 3, 4, 1, 5, 2}, {1, 3, 4, 6}}},  // depth to space
        Case{{2, 3, 4, 6}, {{2, 3, 2, 2, 3, 2}, {0, 3, 5, 1, 2, 4}, {2, 12, 2, 3}}},  // space to depth
        Case{{1, 24, 5, 2}, {{1, 3, 8, 5, 2}, {0, 2, 1, 3, 4}, {1, 24, 5, 2}}},       // shuffled channels
        Case{{6, 2, 3, 4}, {{2, 3, 1, 2, 3, 4}, {2, 3, 4, 0, 5, 1}, {1, 2, 6, 12}}},  // batch to space
        Case{{4, 6}, {{2, 2, 6}, {1, 2, 0}, {12, 2}}}}) {
    INFO(to_string(c.x));
    check("BlockPermute", c.a, c.x, [&](const Tensor& x) {
      Tensor result = transposed({c.a.split, x.data}, c.a.order);
      result.shape = c.a.merged;
      return result;
    });
  }
  const auto shape = [](BlockPermuteAttributes a) {
    return inferred("BlockPermute", Attributes::of(std::move(a)), {{4, 6}});
  };
  CHECK_THROWS_WITH(shape({{3, 8}, {0, 1}, {3, 8}}), Contains("dimensions of [4,6] do not split into [3,8]"));
  CHECK_THROWS_WITH(shape({{4, 6}, {1, 0}, {3, 8}}), Contains("dimensions of [6,4] do not merge into [3,8]"));
  CHECK_THROWS_WITH(shape({{4, 6}, {1, 1}, {4, 6}}), Contains("not a permutation"));
  CHECK_THROWS_WITH(shape({{4, 6}, {0, 1, 2}, {4, 6}}), Contains("one entry per dimension"));
}

TEST_CASE("dimensions are grouped into products of neighbours", "[block_permute]") {
  using Counts = std::vector<std::size_t>;
  CHECK(grouping({6, 4}, {2, 3, 4}) == Counts{2, 1});
  CHECK(grouping({1, 6}, {1, 6}).has_value());
  CHECK(grouping({6, 1}, {6, 1, 1}).has_value());
  CHECK(grouping({6}, {1, 2, 1, 3, 1}).has_value());
  CHECK_FALSE(grouping({6, 4}, {4, 6}).has_value());
  CHECK_FALSE(grouping({6}, {2}).has_value());
  CHECK_FALSE(grouping({6}, {6, 2}).has_value());
  CHECK_FALSE(grouping({6}, {-2, -3}).has_value());
}

TEST_CASE("moving operations keep integers", "[rearrange]") {
  const Constant x = Constant::i64({2, 2}, {1, -2, 3, std::int64_t{1} << 60});
  CHECK(folded("Tile", Attributes::of(TileAttributes{{1, 2}}), {x}).to_ints() ==
        std::vector<std::int64_t>{1, -2, 1, -2, 3, std::int64_t{1} << 60, 3, std::int64_t{1} << 60});
  const Constant padded = folded("Pad", Attributes::of(PadAttributes{{0, 1}, {0, 0}, "constant", 7}), {x});
  CHECK(padded.dtype() == DType::i64);
  CHECK(padded.to_ints() == std::vector<std::int64_t>{7, 1, -2, 7, 3, std::int64_t{1} << 60});
}
