#include <cstring>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

struct Case {
  Shape x, bins;
};

const Case kCases[] = {{{2, 5, 7}, {3}},       {{1, 17, 6, 8}, {4, 3}}, {{2, 33, 5, 5}, {7, 2}},
                       {{1, 3, 4, 4}, {1, 1}}, {{1, 70, 7, 9}, {2, 9}}, {{2, 3, 4, 5, 3}, {3, 2, 2}}};

PoolingAttributes adaptive(const char* method, const Shape& bins) {
  PoolingAttributes a;
  a.method = method;
  a.bins = bins;
  return a;
}

Shape output_shape(const Case& c) {
  Shape out{c.x[0], c.x[1]};
  out.insert(out.end(), c.bins.begin(), c.bins.end());
  return out;
}

/// Calls f(input index) for the cells of the bin at an output index.
template <class F>
void for_each_cell(const Case& c, const Index& at, F f) {
  for_each_index(Shape(c.x.begin() + 2, c.x.end()), [&](const Index& p) {
    for (std::size_t d = 0; d < p.size(); ++d) {
      const double width = static_cast<double>(c.x[d + 2]) / static_cast<double>(c.bins[d]);
      const auto o = static_cast<double>(at[d + 2]), i = static_cast<double>(p[d]);
      if (i < std::floor(o * width + 1e-9) || i >= std::ceil((o + 1) * width - 1e-9)) return;
    }
    Index cell{at[0], at[1]};
    cell.insert(cell.end(), p.begin(), p.end());
    f(cell);
  });
}

}  // namespace

TEST_CASE("adaptive pooling takes overlapping bins of the image", "[pooling]") {
  std::uint64_t seed = 5;
  for (const Case& c : kCases)
    for (const char* method : {"max", "avg"}) {
      const Tensor x = random_tensor(c.x, ++seed);
      CHECK(inferred("Pooling", Attributes::of(adaptive(method, c.bins)), {c.x}) == output_shape(c));
      const Tensor expected = generate(output_shape(c), [&](const Index& at) {
        double sum = 0, largest = -1e30, count = 0;
        for_each_cell(c, at, [&](const Index& cell) {
          sum += static_cast<double>(value_at(x, cell));
          largest = std::max(largest, static_cast<double>(value_at(x, cell)));
          ++count;
        });
        return method[0] == 'm' ? largest : sum / count;
      });
      for (const Context context : kContexts) {
        INFO(method << " of " << to_string(c.x) << ", " << name_of(context));
        CHECK(deviation(run_in(context, {x},
                               [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                 return b.add1("Pooling", "y", Attributes::of(adaptive(method, c.bins)),
                                               {ids[0]});
                               }),
                        expected.data) < 1e-5);
      }
    }
}

TEST_CASE("integer adaptive pooling gives the bits of the reference", "[pooling][int8]") {
  std::uint64_t seed = 70;
  for (const Case& c : kCases)
    for (const char* method : {"max", "avg"}) {
      INFO(method << " of " << to_string(c.x));
      const bool max = method[0] == 'm';
      const Tensor x = random_tensor(c.x, ++seed, -3, 3);
      const Scale in{{0.024F}, 125}, out = max ? in : Scale{{0.019F}, 133};
      GraphBuilder b;
      const ValueId input = b.input("x", DType::f32, c.x);
      const ValueId y = b.add1("Pooling", "y", Attributes::of(adaptive(method, c.bins)), {input});
      b.output(add_unit_convolution(b, "z", y));
      quantize_value(b.graph(), input, in.scale, in.zero_point);
      quantize_value(b.graph(), y, out.scale, out.zero_point);
      const Recorder seen = observe_everywhere(b.finish(), {x});
      REQUIRE(seen.dtype("y") == DType::u8);
      const Tensor expected = generate(output_shape(c), [&](const Index& at) {
        std::int64_t sum = 0, largest = 0, count = 0;
        for_each_cell(c, at, [&](const Index& cell) {
          const int q = in.quantize(value_at(x, cell));
          sum += q - in.zero_point;
          largest = std::max<std::int64_t>(largest, q);
          ++count;
        });
        if (max) return in.dequantize(static_cast<int>(largest));
        return out.stored(static_cast<float>(sum) * in.of(0) / static_cast<float>(count));
      });
      CHECK(same_bytes(seen.at("y"), expected.data));
    }
}

TEST_CASE("adaptive pooling that does not fit is an error", "[pooling]") {
  CHECK_THROWS_WITH(inferred("Pooling", Attributes::of(adaptive("avg", {2})), {{1, 2, 4, 4}}),
                    Contains("adaptive pooling must have 2 sizes"));
  CHECK_THROWS_WITH(inferred("Pooling", Attributes::of(adaptive("avg", {2, 0})), {{1, 2, 4, 4}}),
                    Contains("a size that is not positive"));
}
