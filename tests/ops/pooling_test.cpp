#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

struct Case {
  const char* what;
  Shape x;
  PoolingAttributes a;
  Shape out;
};

PoolingAttributes with_pads(PoolingAttributes a, std::vector<std::int64_t> begin,
                            std::vector<std::int64_t> end) {
  a.pads_begin = std::move(begin);
  a.pads_end = std::move(end);
  return a;
}
PoolingAttributes rounded(PoolingAttributes a, std::string rounding) {
  a.rounding = std::move(rounding);
  return a;
}
PoolingAttributes dilated(PoolingAttributes a, std::int64_t dilation) {
  for (std::int64_t& d : a.dilations) d = dilation;
  return a;
}

std::vector<Case> cases(const char* method) {
  const std::string m = method;
  return {{"2x2", {1, 5, 6, 6}, pooling(m, 2, 2, 2), {1, 5, 3, 3}},
          {"3x3 padded, batch 2", {2, 17, 5, 7}, pooling(m, 2, 3, 1, 1), {2, 17, 5, 7}},
          {"floor drops the rest", {1, 3, 7, 8}, pooling(m, 2, 3, 2), {1, 3, 3, 3}},
          {"ceil keeps it", {1, 3, 7, 8}, rounded(pooling(m, 2, 3, 2), "ceil"), {1, 3, 3, 4}},
          {"ceil with begin pads",
           {1, 3, 6, 6},
           rounded(with_pads(pooling(m, 2, 3, 2), {1, 0}, {1, 0}), "ceil"),
           {1, 3, 4, 3}},
          {"the last window of ceil starts in the padding",
           {1, 2, 5, 5},
           rounded(pooling(m, 2, 2, 3, 1), "ceil_clipped"),
           {1, 2, 2, 2}},
          {"the same unclipped",
           {1, 2, 4, 4},
           rounded(with_pads(pooling(m, 2, 2, 2), {0, 0}, {1, 1}), "ceil"),
           {1, 2, 3, 3}},
          {"asymmetric pads", {1, 4, 6, 5}, with_pads(pooling(m, 2, 3, 2), {0, 1}, {1, 1}), {1, 4, 3, 3}},
          {"global", {2, 70, 7, 7}, pooling(m, 2, 7), {2, 70, 1, 1}},
          {"dilated", {1, 3, 8, 8}, dilated(pooling(m, 2, 2), 3), {1, 3, 5, 5}},
          {"one dimension", {1, 3, 9}, pooling(m, 1, 3, 2, 1), {1, 3, 5}},
          {"three dimensions", {1, 2, 4, 5, 6}, pooling(m, 3, 2, 2, 0), {1, 2, 2, 2, 3}}};
}

/// True if every window of the case holds at least one cell of the image.
bool whole(const Case& c) {
  bool result = true;
  for_each_index(c.out, [&](const Index& at) {
    std::int64_t taps = 0;
    for_each_tap(c.x, c.a.kernel, c.a.strides, c.a.dilations, c.a.pads_begin, at,
                 [&](const Index&, const Index&) { ++taps; });
    result = result && taps > 0;
  });
  return result;
}

}  // namespace

TEST_CASE("pooling has the shapes of the rounding rules", "[pooling]") {
  for (const Case& c : cases("max")) {
    INFO(c.what);
    CHECK(inferred("Pooling", Attributes::of(c.a), {c.x}) == c.out);
  }
  // A last window that would start behind the image and its begin padding is dropped by ceil_clipped alone.
  PoolingAttributes a = rounded(pooling("max", 2, 2, 2, 1), "ceil");
  CHECK(inferred("Pooling", Attributes::of(a), {{1, 1, 5, 5}}) == Shape{1, 1, 4, 4});
  a.rounding = "ceil_clipped";
  CHECK(inferred("Pooling", Attributes::of(a), {{1, 1, 5, 5}}) == Shape{1, 1, 3, 3});
}

TEST_CASE("maximum pooling", "[pooling]") {
  std::uint64_t seed = 10;
  for (const Case& c : cases("max")) {
    if (!whole(c)) continue;
    const Tensor x = random_tensor(c.x, ++seed);
    const Tensor expected = pool(x, c.out, c.a, [](std::int64_t, const Index&) { return 1; });
    for (const Context context : kContexts) {
      INFO(c.what << ", " << name_of(context));
      CHECK(same_bytes(run_in(context, {x},
                              [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                return b.add1("Pooling", "y", Attributes::of(c.a), {ids[0]});
                              }),
                       expected.data));
    }
  }
}

TEST_CASE("average pooling divides by what each rule counts", "[pooling]") {
  std::uint64_t seed = 40;
  for (const Case& c : cases("avg")) {
    const Tensor x = random_tensor(c.x, ++seed);
    const bool padded =
        std::any_of(c.a.pads_begin.begin(), c.a.pads_begin.end(), [](std::int64_t p) { return p != 0; }) ||
        std::any_of(c.a.pads_end.begin(), c.a.pads_end.end(), [](std::int64_t p) { return p != 0; });
    for (const char* rule : {"exclude", "kernel", "clip"}) {
      PoolingAttributes a = c.a;
      a.exclude_pad = rule[0] == 'e';
      a.clip_divisor = rule[1] == 'l';
      const Tensor expected = pool(x, c.out, a, [&](std::int64_t inside, const Index& at) {
        if (a.exclude_pad || (!a.clip_divisor && !padded)) return std::max<std::int64_t>(inside, 1);
        std::int64_t count = 0;
        for_each_index(a.kernel, [&](const Index& k) {
          bool counted = true;
          for (std::size_t d = 0; d < k.size(); ++d) {
            const std::int64_t i = at[d + 2] * a.strides[d] - a.pads_begin[d] + k[d] * a.dilations[d];
            counted = counted && (!a.clip_divisor || i < c.x[d + 2] + a.pads_begin[d]);
          }
          count += counted;
        });
        return std::max<std::int64_t>(count, 1);
      });
      for (const Context context : kContexts) {
        INFO(c.what << ", " << rule << ", " << name_of(context));
        CHECK(deviation(run_in(context, {x},
                               [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                 return b.add1("Pooling", "y", Attributes::of(a), {ids[0]});
                               }),
                        expected.data) < 1e-5);
      }
    }
  }
}

TEST_CASE("integer pooling gives the bits of the reference", "[pooling][int8]") {
  std::uint64_t seed = 70;
  for (const char* method : {"max", "avg"})
    for (const Case& c : cases(method)) {
      if (!whole(c)) continue;
      INFO(method << ", " << c.what);
      const bool max = c.a.method == "max";
      const Tensor x = random_tensor(c.x, ++seed, -3, 3);
      const Scale in{{0.024F}, 125}, out = max ? in : Scale{{0.019F}, 133};
      GraphBuilder b;
      const ValueId input = b.input("x", DType::f32, c.x);
      const ValueId y = b.add1("Pooling", "y", Attributes::of(c.a), {input});
      b.output(add_unit_convolution(b, "z", y));
      quantize_value(b.graph(), input, in.scale, in.zero_point);
      quantize_value(b.graph(), y, out.scale, out.zero_point);
      const Recorder seen = observe_everywhere(b.finish(), {x});
      REQUIRE(seen.dtype("y") == DType::u8);
      const Tensor expected = generate(c.out, [&](const Index& at) {
        std::int64_t sum = 0, largest = 0, count = 0;
        for_each_tap(c.x, c.a.kernel, c.a.strides, c.a.dilations, c.a.pads_begin, at,
                     [&](const Index&, const Index& p) {
                       Index from{at[0], at[1]};
                       from.insert(from.end(), p.begin(), p.end());
                       const int q = in.quantize(value_at(x, from));
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

TEST_CASE("pooling that does not fit is an error", "[pooling]") {
  PoolingAttributes zero_kernel = pooling("max", 2, 2), zero_stride = pooling("max", 2, 2),
                    few = pooling("max", 2, 2), round = pooling("max", 2, 2);
  zero_kernel.kernel[0] = 0;
  zero_stride.strides[1] = 0;
  few.dilations = {1};
  round.rounding = "up";
  struct Bad {
    Shape x;
    PoolingAttributes a;
    const char* text;
  };
  const Bad bad[] = {
      {{4, 4}, pooling("max", 2, 2), "pools a tensor of shape [4,4], expected rank 3 to 5"},
      {{1, 2, 4, 4}, few, "kernel, strides and pads must have 2 values each"},
      {{1, 2, 4, 4}, pooling("median", 2, 2), "pooling method 'median' is neither max nor avg"},
      {{1, 2, 4, 4}, zero_kernel, "must be positive"},
      {{1, 2, 4, 4}, zero_stride, "must be positive"},
      {{1, 2, 4, 4}, pooling("max", 2, 5), "kernel is larger than the padded input"},
      {{1, 2, 4, 4}, round, "rounding 'up' is none of floor, ceil and ceil_clipped"}};
  for (const Bad& c : bad) {
    INFO(c.text);
    CHECK_THROWS_AS(inferred("Pooling", Attributes::of(c.a), {c.x}), FormatError);
    CHECK_THROWS_WITH(inferred("Pooling", Attributes::of(c.a), {c.x}), Contains(c.text));
  }
}
