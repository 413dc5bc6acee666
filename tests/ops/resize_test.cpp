#include "engine/ops/resize.h"

#include "tests/ops/moves.h"

using namespace refcalib_test;

namespace {

ResizeAttributes resize(const std::string& mode, const Shape& in, const Shape& out,
                        const std::string& coordinates = "half_pixel") {
  ResizeAttributes a;
  a.mode = mode;
  a.coordinates = coordinates;
  a.shape = out;
  for (std::size_t d = 0; d < in.size(); ++d)
    a.scale.push_back(static_cast<float>(out[d]) / static_cast<float>(in[d]));
  return a;
}

double coordinate(const ResizeAttributes& a, std::int64_t in, std::int64_t out, std::int64_t o) {
  const double x = static_cast<double>(o), s = static_cast<double>(out) / static_cast<double>(in);
  if (in == out) return x;
  if (a.coordinates == "asymmetric") return x / s;
  if (a.coordinates == "tf_half_pixel_for_nn") return (x + 0.5) / s;
  if (a.coordinates == "align_corners")
    return out == 1 ? 0 : x * static_cast<double>(in - 1) / static_cast<double>(out - 1);
  if (a.coordinates == "pytorch_half_pixel" && out == 1) return 0;
  return (x + 0.5) / s - 0.5;
}

/// Weights of all inputs of one dimension, straight from the definitions of the modes.
std::vector<double> weights(const ResizeAttributes& a, std::int64_t in, std::int64_t out, std::int64_t o) {
  std::vector<double> w(static_cast<std::size_t>(in), 0.0);
  const auto at = [&](std::int64_t i) -> double& {
    return w[static_cast<std::size_t>(std::clamp<std::int64_t>(i, 0, in - 1))];
  };
  if (in == out) {
    at(o) = 1;
    return w;
  }
  const double x = coordinate(a, in, out, o), s = static_cast<double>(out) / static_cast<double>(in);
  const auto triangle = [](double t) { return std::max(0.0, 1 - std::fabs(t)); };
  const double k = a.cube_coeff;
  const auto cubic = [k](double t) {
    const double d = std::fabs(t);
    if (d <= 1) return (k + 2) * d * d * d - (k + 3) * d * d + 1;
    return d < 2 ? k * d * d * d - 5 * k * d * d + 8 * k * d - 4 * k : 0.0;
  };
  double sum = 0;
  if (a.mode == "linear_onnx") {
    const double inside = std::clamp(x, 0.0, static_cast<double>(in - 1));
    const auto low = static_cast<std::int64_t>(inside);
    at(low) += 1 - (inside - static_cast<double>(low));
    at(low + 1) += inside - static_cast<double>(low);
    return w;
  }
  if (a.mode == "area") {
    const double length = static_cast<double>(in) / static_cast<double>(out);
    for (std::int64_t i = 0; i < in; ++i) {
      const double from = std::max(static_cast<double>(i), static_cast<double>(o) * length);
      const double to = std::min(static_cast<double>(i + 1), static_cast<double>(o + 1) * length);
      at(i) = std::max(0.0, to - from) / length;
    }
    return w;
  }
  if (a.mode == "cubic") {
    const auto low = static_cast<std::int64_t>(std::floor(x));
    for (std::int64_t i = low - 1; i <= low + 2; ++i) at(i) += cubic(x - static_cast<double>(i));
    return w;
  }
  if (a.mode == "linear") {
    const double slope = a.antialias && s < 1 ? s : 1;
    for (std::int64_t i = 0; i < in; ++i) sum += at(i) = triangle(slope * (x - static_cast<double>(i)));
  } else {
    const double wide = std::max(1 / s, 1.0), center = (static_cast<double>(o) + 0.5) / s;
    for (std::int64_t i = 0; i < in; ++i) {
      const double t = (static_cast<double>(i) + 0.5 - center) / wide;
      sum += at(i) = a.mode == "bicubic_pillow" ? cubic(t) : triangle(t);
    }
  }
  for (double& v : w) v /= sum;
  return w;
}

Tensor expected(const ResizeAttributes& a, const Tensor& x) {
  Tensor t = x;
  for (std::size_t d = 2; d < x.shape.size(); ++d) {
    const Tensor from = t;
    Shape shape = t.shape;
    shape[d] = a.shape[d];
    t = generate(shape, [&](const Index& at) {
      const std::vector<double> w = weights(a, x.shape[d], a.shape[d], at[d]);
      Index position = at;
      double sum = 0;
      for (position[d] = 0; position[d] < x.shape[d]; ++position[d])
        sum += w[static_cast<std::size_t>(position[d])] * static_cast<double>(value_at(from, position));
      return sum;
    });
  }
  return t;
}

ValueId add(GraphBuilder& b, const ResizeAttributes& a, ValueId x) {
  return b.add1(a.mode == "nearest" ? "ResizeNearest" : "Resize", "y", Attributes::of(a), {x});
}

struct Sizes {
  Shape in, out;
};
const Sizes sizes[] = {{{1, 21, 3, 4}, {1, 21, 6, 8}}, {{1, 3, 7, 5}, {1, 3, 10, 3}},
                       {{2, 5, 6, 9}, {2, 5, 2, 4}},   {{1, 70, 1, 1}, {1, 70, 3, 2}},
                       {{1, 2, 9}, {1, 2, 4}},         {{1, 4, 2, 3, 5}, {1, 4, 5, 3, 2}},
                       {{1, 1, 4, 4}, {1, 1, 1, 1}}};
const char* const coordinate_modes[] = {"half_pixel", "pytorch_half_pixel", "asymmetric",
                                        "tf_half_pixel_for_nn", "align_corners"};

}  // namespace

TEST_CASE("interpolation agrees with its definition", "[resize]") {
  for (const Sizes& s : sizes)
    for (const char* mode : {"linear", "linear_onnx", "cubic", "area", "bilinear_pillow", "bicubic_pillow"})
      for (const char* coordinates : coordinate_modes)
        for (const bool antialias : {false, true}) {
          ResizeAttributes a = resize(mode, s.in, s.out, coordinates);
          a.antialias = antialias;
          INFO(to_string(s.in) << " to " << to_string(s.out) << " " << mode << " " << coordinates << " "
                               << antialias);
          const Tensor x = random_tensor(s.in, 4);
          const std::vector<float> y = expected(a, x).data;
          const bool everywhere = std::string(coordinates) == "half_pixel" && !antialias;
          for (const Context context : kContexts)
            if (everywhere || context == Context::channels_last)
              CHECK(deviation(run_in(context, {x},
                                     [&](GraphBuilder& b, const std::vector<ValueId>& ids) {
                                       return add(b, a, ids[0]);
                                     }),
                              y) < 2e-6);
          CHECK(deviation(folded("Resize", Attributes::of(a), {constant_of(x)}).to_floats(), y) < 2e-6);
        }
}

TEST_CASE("interpolation of integers writes integers of its own scale", "[resize]") {
  for (const char* mode : {"linear_onnx", "cubic"}) {
    const Tensor x = random_tensor({1, 19, 5, 6}, 9);
    const ResizeAttributes a = resize(mode, x.shape, {1, 19, 10, 9});
    const Scale in{{0.02F}, 100}, out{{0.03F}, 120};
    GraphBuilder b;
    const ValueId before = add_unit_convolution(b, "before", b.input("x", DType::f32, x.shape));
    const ValueId y = add(b, a, before);
    b.output(add_unit_convolution(b, "after", y));
    for (ValueId id = 0; id < b.graph().value_count(); ++id)
      if (!b.graph().value(id).constant) quantize_value(b.graph(), id, in.scale, in.zero_point);
    quantize_value(b.graph(), y, out.scale, out.zero_point);
    const Recorder seen = observe_everywhere(b.finish(), {x});
    REQUIRE(seen.has("y"));
    CHECK(seen.dtype("y") == DType::u8);
    Tensor stored = x;
    for (float& v : stored.data) v = in.stored(v);
    const std::vector<float> exact = expected(a, stored).data;
    for (std::size_t i = 0; i < exact.size(); ++i)
      CHECK(std::fabs(seen.at("y")[i] - exact[i]) <= 0.5F * out.scale[0] * 1.001F);
  }
}

TEST_CASE("nearest resizing shows one element", "[resize]") {
  for (const Sizes& s : {Sizes{{1, 5, 3, 4}, {1, 5, 6, 8}}, Sizes{{1, 40, 2, 3}, {1, 40, 4, 6}},
                         Sizes{{1, 3, 7, 5}, {1, 3, 5, 8}}, Sizes{{2, 3, 8, 6}, {2, 3, 3, 2}},
                         Sizes{{4, 3}, {8, 2}}, Sizes{{1, 2, 3, 4, 5}, {1, 2, 6, 2, 5}}})
    for (const char* coordinates : coordinate_modes)
      for (const char* rounding : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"}) {
        ResizeAttributes a = resize("nearest", s.in, s.out, coordinates);
        a.nearest_mode = rounding;
        INFO(to_string(s.in) << " to " << to_string(s.out) << " " << coordinates << " " << rounding);
        const auto nearest = [&](double at, bool reduces) {
          const std::string r = rounding;
          if (r == "simple") return reduces ? std::ceil(at) : std::trunc(at);
          if (r == "floor") return std::floor(at);
          if (r == "ceil") return std::ceil(at);
          return r == "round_prefer_floor" ? std::ceil(at - 0.5) : std::floor(at + 0.5);
        };
        check_moves(
            random_tensor(s.in, 5), [&](GraphBuilder& b, ValueId x) { return add(b, a, x); },
            [&](const Tensor& x) {
              return generate(s.out, [&](const Index& at) {
                Index from = at;
                for (std::size_t d = 0; d < at.size(); ++d) {
                  // The coordinates of the operation are floats.
                  const double c =
                      static_cast<double>(static_cast<float>(coordinate(a, s.in[d], s.out[d], at[d])));
                  from[d] = std::clamp<std::int64_t>(
                      static_cast<std::int64_t>(nearest(c, s.out[d] < s.in[d])), 0, s.in[d] - 1);
                }
                return value_at(x, from);
              });
            });
      }
}

TEST_CASE("resizing refuses what it cannot do", "[resize]") {
  const Shape in{1, 3, 4, 4};
  const auto shape = [&](const ResizeAttributes& a) {
    return inferred(a.mode == "nearest" ? "ResizeNearest" : "Resize", Attributes::of(a), {in});
  };
  CHECK(shape(resize("linear", in, {1, 3, 2, 9})) == Shape{1, 3, 2, 9});
  CHECK_THROWS_WITH(shape(resize("linear", in, {1, 6, 2, 9})), Contains("over batch or channels"));
  CHECK_THROWS_WITH(shape(resize("lanczos", in, in)), Contains("resizing mode 'lanczos' is unknown"));
  CHECK_THROWS_WITH(shape(resize("linear", in, in, "corner")),
                    Contains("coordinate transformation 'corner'"));
  CHECK_THROWS_WITH(shape(resize("linear", in, {1, 3, 0, 4})), Contains("cannot resize"));
  ResizeAttributes a = resize("nearest", in, in);
  a.nearest_mode = "odd";
  CHECK_THROWS_WITH(shape(a), Contains("rounding 'odd'"));
  a = resize("nearest", in, in);
  a.scale[2] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(shape(a), Contains("cannot resize"));
  for (const char* mode : {"nearest", "linear", "linear_onnx", "cubic", "bilinear_pillow"})
    for (const float scale : {1e-30F, 1e-9F, 1e9F, 1e38F}) {
      a = resize(mode, in, {1, 3, 4, 5});
      a.scale[3] = scale;
      INFO(mode << ", scale " << scale);
      CHECK_THROWS_WITH(shape(a), Contains("does not belong to the size 5"));
    }
  a = resize("cubic", in, in);
  a.cube_coeff = INFINITY;
  CHECK_THROWS_WITH(shape(a), Contains("cubic coefficient"));
}
