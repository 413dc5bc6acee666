#include <cstring>
#include <limits>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

/// Plans and runs one node over tensors in plain order: indices have no way out of a network but through other operations.
class OneNode final : public PlanContext {
 public:
  OneNode(const Shape& x, const PoolingIndicesAttributes& a) {
    input_ = builder_.input("x", DType::f32, x);
    output_ = builder_.add1("PoolingIndices", "y", Attributes::of(a), {input_});
    arena_ = AlignedBytes(input_bytes() + static_cast<std::size_t>(element_count(shape())) * 8 + 64);
  }
  const Graph& graph() const noexcept override { return builder_.graph(); }
  Isa isa() const noexcept override { return Isa::scalar; }
  TensorRef tensor(ValueId id) const override {
    TensorRef ref;
    ref.where.offset = id == input_ ? 0 : input_bytes();
    ref.dtype = graph().value(id).dtype;
    ref.shape = graph().value(id).shape;
    return ref;
  }
  const Shape& shape() const { return graph().value(output_).shape; }

  std::vector<std::int64_t> run(const std::vector<float>& x, int threads) {
    const Node& node = graph().node(graph().order().front());
    const auto step = op_record(node.op).plan(node, *this);
    std::memcpy(arena_.data(), x.data(), x.size() * sizeof(float));
    ThreadTeam team(threads);
    step->run({arena_.data(), nullptr, 0, team});
    std::vector<std::int64_t> result(static_cast<std::size_t>(element_count(shape())));
    const std::byte* from = arena_.data() + input_bytes();
    for (std::size_t i = 0; i < result.size(); ++i) {
      std::int32_t narrow = 0;
      if (graph().value(output_).dtype == DType::i64) {
        std::memcpy(&result[i], from + 8 * i, 8);
      } else {
        std::memcpy(&narrow, from + 4 * i, 4);
        result[i] = narrow;
      }
    }
    return result;
  }

 private:
  std::size_t input_bytes() const {
    return (static_cast<std::size_t>(element_count(graph().value(input_).shape)) * 4 + 63) / 64 * 64;
  }
  GraphBuilder builder_;
  ValueId input_ = kNone, output_ = kNone;
  AlignedBytes arena_;
};

/// The window of an output of an ordinary or adaptive pooling, cell by cell, in order.
template <class F>
void for_each_cell(const Shape& x, const PoolingAttributes& a, const Index& at, F f) {
  for_each_index(Shape(x.begin() + 2, x.end()), [&](const Index& p) {
    for (std::size_t d = 0; d < p.size(); ++d) {
      if (!a.bins.empty()) {
        const std::int64_t in = x[d + 2], out = a.bins[d], o = at[d + 2];
        if (p[d] < o * in / out || p[d] * out >= (o + 1) * in) return;
        continue;
      }
      const std::int64_t distance = p[d] - (at[d + 2] * a.strides[d] - a.pads_begin[d]);
      if (distance < 0 || distance % a.dilations[d] != 0 || distance / a.dilations[d] >= a.kernel[d]) return;
    }
    f(p);
  });
}

}  // namespace

TEST_CASE("indices of maxima count the dimensions from an axis on and leave out the padding", "[pooling]") {
  PoolingAttributes dilated = pooling("max", 2, 2, 1, 1), bins;
  dilated.dilations = {2, 3};
  bins.bins = {2, 3};
  struct Case {
    Shape x;
    PoolingAttributes a;
  };
  const Case cases[] = {{{2, 3, 6, 6}, pooling("max", 2, 2, 2)},
                        {{1, 2, 5, 7}, pooling("max", 2, 3, 2, 1)},
                        {{2, 2, 6, 7}, dilated},
                        {{2, 2, 5, 7}, bins},
                        {{2, 3, 9}, pooling("max", 1, 3, 2, 1)},
                        {{2, 2, 3, 4, 5}, pooling("max", 3, 2, 1)}};
  std::uint64_t seed = 3;
  for (const Case& c : cases) {
    // Few different values, so that maxima are often equal: the first one counts.
    Tensor x = random_tensor(c.x, ++seed);
    for (float& v : x.data) v = std::nearbyint(v);
    const auto rank = static_cast<std::int64_t>(c.x.size());
    for (std::int64_t axis = -rank; axis < rank; ++axis)
      for (const char* type : {"i32", "i64"}) {
        INFO(to_string(c.x) << ", axis " << axis << ", " << type);
        OneNode node(c.x, {c.a, axis, type});
        const auto first = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
        std::vector<std::int64_t> expected;
        for_each_index(node.shape(), [&](const Index& at) {
          float best = -std::numeric_limits<float>::infinity();
          std::int64_t found = -1;
          for_each_cell(c.x, c.a, at, [&](const Index& p) {
            Index cell{at[0], at[1]};
            cell.insert(cell.end(), p.begin(), p.end());
            if (found >= 0 && value_at(x, cell) <= best) return;
            best = value_at(x, cell);
            found = static_cast<std::int64_t>(
                offset(Shape(c.x.begin() + static_cast<std::ptrdiff_t>(first), c.x.end()),
                       Index(cell.begin() + static_cast<std::ptrdiff_t>(first), cell.end())));
          });
          expected.push_back(found);
        });
        CHECK(node.run(x.data, 1) == expected);
        CHECK(node.run(x.data, 3) == expected);
      }
  }
}

TEST_CASE("indices skip NaN, and are 0 where there is nothing", "[pooling]") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), low = -std::numeric_limits<float>::infinity();
  OneNode node({1, 1, 4}, {pooling("max", 1, 2, 2), 0, "i64"});
  CHECK(node.run({nan, 1, low, nan}, 1) == std::vector<std::int64_t>{1, 2});
  CHECK(node.run({nan, nan, nan, low}, 1) == std::vector<std::int64_t>{0, 3});
}

TEST_CASE("indices that do not fit are errors", "[pooling]") {
  const auto wrong = [](const PoolingIndicesAttributes& a) {
    return inferred("PoolingIndices", Attributes::of(a), {{1, 2, 4, 4}});
  };
  CHECK_THROWS_WITH(wrong({pooling("avg", 2, 2), 0, "i64"}), Contains("only maxima have indices"));
  CHECK_THROWS_WITH(wrong({pooling("max", 2, 2), 0, "f32"}), Contains("neither i32 nor i64"));
  CHECK_THROWS_WITH(wrong({pooling("max", 2, 2), 4, "i64"}), Contains("axis 4 is outside"));
}
