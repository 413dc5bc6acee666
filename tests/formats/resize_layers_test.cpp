#include <cmath>

#include "engine/core/error.h"
#include "engine/ops/resize.h"
#include "tests/formats/run_layer.h"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

using Floats = std::vector<float>;

void check(const OneLayer& layer, const Shape& shape, const Floats& values) {
  const Graph graph = layer.graph();
  CHECK(output_shape(graph) == shape);
  const Floats y = run_layer(graph);
  REQUIRE(y.size() == values.size());
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(y[i] == Approx(values[i]).margin(1e-5));
}

OneLayer legacy(const char* type, Pairs attributes, const Shape& in, const Shape& out) {
  return OneLayer(6, type, std::move(attributes)).input(in).output(out);
}

const ResizeAttributes& attributes(const Graph& graph) {
  return node_named(graph, "y").attributes.as<ResizeAttributes>();
}

Pairs newer(const char* mode, const char* calculation, Pairs more = {}) {
  more.emplace_back("mode", mode);
  more.emplace_back("shape_calculation_mode", calculation);
  return more;
}

}  // namespace

TEST_CASE("Interp", "[resize]") {
  const Pairs corners{{"pad_beg", "0"}, {"pad_end", "0"}};
  check(legacy("Interp", corners, {1, 1, 2, 2}, {1, 1, 3, 3}), {1, 1, 3, 3},
        {0, 0.5F, 1, 1, 1.5F, 2, 2, 2.5F, 3});
  check(legacy("Interp", {{"align_corners", "0"}}, {1, 1, 2, 2}, {1, 1, 2, 4}), {1, 1, 2, 4},
        {0, 0.5F, 1, 1, 2, 2.5F, 3, 3});
  check(legacy("Interp", {{"pad_beg", "-1"}, {"pad_end", "-1"}}, {1, 1, 4, 4}, {1, 1, 2, 3}), {1, 1, 2, 3},
        {5, 5.5F, 6, 9, 9.5F, 10});
  check(legacy("Interp", {{"height", "2"}, {"width", "3"}}, {1, 1, 2, 2}, {1, 1, 2, 3}), {1, 1, 2, 3},
        {0, 0.5F, 1, 2, 2.5F, 3});
  check(legacy("Interp", {}, {1, 1, 2, 2}, {1, 1, 2, 3}).ints({1, 1, 2, 3}), {1, 1, 2, 3},
        {0, 0.5F, 1, 2, 2.5F, 3});
  check(legacy("Interp", {}, {1, 1, 2, 2}, {1, 1, 2, 2}), {1, 1, 2, 2}, {0, 1, 2, 3});
  const auto undeclared = [](Pairs pairs) {
    return output_shape(OneLayer(6, "Interp", std::move(pairs)).input({1, 1, 4, 6}).graph());
  };
  CHECK(undeclared({{"factor", "2.5"}}) == Shape{1, 1, 10, 15});
  CHECK(undeclared({{"zoom_factor", "3"}, {"shrink_factor", "2"}}) == Shape{1, 1, 6, 9});
  CHECK(undeclared({{"shrink_factor", "2"}}) == Shape{1, 1, 2, 3});
  CHECK_THROWS_AS(undeclared({{"factor", "1e30"}}), FormatError);
  CHECK_THROWS_AS(undeclared({{"shrink_factor", "100"}}), FormatError);
}

TEST_CASE("Resample and Upsampling", "[resize]") {
  const Floats doubled{0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3};
  const Pairs nearest{{"type", "caffe.ResampleParameter.NEAREST"}, {"factor", "2.0"}, {"antialias", "0"}};
  check(legacy("Resample", nearest, {1, 1, 2, 2}, {1, 1, 4, 4}), {1, 1, 4, 4}, doubled);
  check(OneLayer(6, "Resample", nearest).input({1, 1, 2, 2}), {1, 1, 4, 4}, doubled);
  check(legacy("Resample", {{"type", "caffe.ResampleParameter.NEAREST"}}, {1, 1, 2, 2}, {1, 1, 4, 4})
            .ints({1, 1, 4, 4}),
        {1, 1, 4, 4}, doubled);
  check(legacy("Upsampling", {{"scale", "2"}}, {1, 1, 2, 2}, {1, 1, 4, 4}), {1, 1, 4, 4}, doubled);
  // A reduction by two lies between two elements and takes the later one.
  check(legacy("Resample", {{"type", "caffe.ResampleParameter.NEAREST"}}, {1, 1, 1, 4}, {1, 1, 1, 2}),
        {1, 1, 1, 2}, {1, 3});
  const Pairs linear{{"type", "caffe.ResampleParameter.LINEAR"}};
  check(legacy("Resample", linear, {1, 1, 1, 2}, {1, 1, 1, 4}), {1, 1, 1, 4}, {0, 0.25F, 0.75F, 1});
  Pairs smooth = linear;
  smooth.emplace_back("antialias", "1");
  // Weights 0.25 0.75 0.75 0.25 around 1.5 of 0 1 2 3 4 5.
  const Floats y = run_layer(legacy("Resample", smooth, {1, 1, 1, 6}, {1, 1, 1, 3}).graph());
  CHECK(y[1] == Approx(2.5));
  CHECK_THROWS_AS(legacy("Resample", {{"type", "LANCZOS"}}, {1, 1, 2, 2}, {1, 1, 4, 4}).graph(),
                  UnsupportedError);
  CHECK_THROWS_WITH(legacy("Resample", nearest, {1, 1, 2, 2}, {1, 1, 4, 4}).ints({4}).graph(),
                    Contains("neither a shape nor a spatial size"));
}

TEST_CASE("Resample with cubic filters equals sums over all elements", "[resize]") {
  // Written from the layer's definition, in doubles: an output element is the mean of the input weighted by the filter.
  const auto filter = [](double t) {
    const double x = std::fabs(t);
    return x <= 1 ? x * x * (1.5 * x - 2.5) + 1 : x < 2 ? x * (x * (-0.5 * x + 2.5) - 4) + 2 : 0;
  };
  for (const bool antialias : {false, true})
    for (const std::int64_t in : {1, 2, 5, 9})
      for (const std::int64_t out : {1, 2, 3, 7, 10, 18}) {
        if (in == out) continue;
        const double step = static_cast<double>(in) / static_cast<double>(out);
        const double slope = antialias && step > 1 ? 1 / step : 1;
        Floats expected;
        for (std::int64_t o = 0; o < out; ++o) {
          const double at = static_cast<double>(o) * step + step / 2 - 0.5;
          double sum = 0, weights = 0;
          for (std::int64_t i = 0; i < in; ++i) {
            const double w = filter(slope * (at - static_cast<double>(i)));
            sum += w * static_cast<double>(i);
            weights += w;
          }
          expected.push_back(static_cast<float>(sum / weights));
        }
        INFO(in << " to " << out << (antialias ? " antialias" : ""));
        const Pairs pairs{{"type", "caffe.ResampleParameter.CUBIC"}, {"antialias", antialias ? "1" : "0"}};
        check(legacy("Resample", pairs, {1, 1, 1, in}, {1, 1, 1, out}), {1, 1, 1, out}, expected);
        check(legacy("Resample", pairs, {1, 1, in, 1}, {1, 1, out, 1}), {1, 1, out, 1}, expected);
      }
}

TEST_CASE("Interpolate of the first operation sets", "[resize]") {
  const auto layer = [](Pairs pairs, const Shape& in, std::vector<std::int64_t> sizes) {
    return OneLayer(10, "Interpolate", std::move(pairs)).input(in).ints(sizes);
  };
  check(layer({{"axes", "2,3"}, {"mode", "linear"}}, {1, 1, 2, 2}, {3, 3}), {1, 1, 3, 3},
        {0, 0.5F, 1, 1, 1.5F, 2, 2, 2.5F, 3});
  check(layer({{"axes", "2,3"}, {"mode", "nearest"}, {"align_corners", "false"}}, {1, 1, 1, 2}, {1, 4}),
        {1, 1, 1, 4}, {0, 0, 1, 1});
  CHECK(attributes(layer({{"axes", "2"}, {"mode", "linear"}}, {1, 1, 4}, {8}).graph()).coordinates ==
        "half_pixel");
  CHECK(attributes(layer({{"axes", "2"}, {"mode", "cubic"}}, {1, 1, 4}, {8}).graph()).coordinates ==
        "align_corners");
  check(layer({{"axes", "2,3"}, {"mode", "area"}}, {1, 1, 2, 4}, {1, 2}), {1, 1, 1, 2}, {2.5F, 4.5F});
  CHECK_THROWS_WITH(layer({{"axes", "2"}, {"mode", "lanczos"}}, {1, 1, 4}, {8}).graph(), Contains("unknown"));
  CHECK_THROWS_WITH(layer({{"axes", "2,2"}, {"mode", "nearest"}}, {1, 1, 4}, {8, 8}).graph(),
                    Contains("named twice"));
  CHECK_THROWS_WITH(layer({{"mode", "nearest"}}, {1, 1, 4}, {8}).graph(),
                    Contains("names 0 axes and 1 sizes"));
}

TEST_CASE("Interpolate of version 4 and 11", "[resize]") {
  const Floats doubled{0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3};
  const Pairs floor{{"nearest_mode", "floor"}, {"coordinate_transformation_mode", "asymmetric"}};
  const Shape in{1, 1, 2, 2};
  check(OneLayer(10, "Interpolate", newer("nearest", "sizes", floor), "opset4")
            .input(in)
            .ints({4, 4})
            .constant<float>({2}, {1, 1})
            .ints({2, 3}),
        {1, 1, 4, 4}, doubled);
  check(OneLayer(10, "Interpolate", newer("nearest", "scales", floor), "opset4")
            .input(in)
            .ints({0, 0, 0, 0})
            .constant<float>({4}, {1, 1, 2, 2}),
        {1, 1, 4, 4}, doubled);
  check(OneLayer(11, "Interpolate", newer("nearest", "scales", floor), "opset11")
            .input(in)
            .constant<float>({2}, {2, 2})
            .ints({-2, -1}),
        {1, 1, 4, 4}, doubled);
  const auto eleven = [&](Pairs pairs, const Shape& x, std::vector<std::int64_t> sizes,
                          std::vector<std::int64_t> axes) {
    return OneLayer(11, "Interpolate", std::move(pairs), "opset11").input(x).ints(sizes).ints(axes);
  };
  check(eleven(newer("linear_onnx", "sizes"), {1, 1, 1, 2}, {4}, {3}), {1, 1, 1, 4}, {0, 0.25F, 0.75F, 1});
  check(eleven(newer("bilinear_pillow", "sizes"), {1, 1, 1, 4}, {2}, {3}), {1, 1, 1, 2},
        {5.0F / 7, 16.0F / 7});
  // Dimensions in front of the spatial ones, and padding.
  check(eleven(newer("linear", "sizes"), {2, 1, 2}, {4}, {0}), {4, 1, 2},
        {0, 1, 0.5F, 1.5F, 1.5F, 2.5F, 2, 3});
  check(eleven(newer("linear", "sizes", {{"pads_begin", "0,0,0,2"}}), {1, 1, 1, 2}, {4}, {3}), {1, 1, 1, 4},
        {0, 0, 0, 1});
  check(eleven(newer("cubic", "sizes"), {1, 2, 1, 2}, {1, 2}, {2, 3}), {1, 2, 1, 2}, {0, 1, 2, 3});
  CHECK_THROWS_AS(eleven(newer("linear", "sizes"), {2, 2, 2, 2}, {3, 3, 3, 3}, {0, 1, 2, 3}).graph(),
                  UnsupportedError);
  CHECK_THROWS_WITH(eleven(newer("linear", "guess"), in, {4}, {3}).graph(),
                    Contains("neither sizes nor scales"));
  CHECK_THROWS_WITH(eleven(newer("odd", "sizes"), in, {4}, {3}).graph(), Contains("resizing mode 'odd'"));
  CHECK_THROWS_WITH(eleven(newer("linear", "sizes", {{"pads_end", "1,1,1,1,1"}}), in, {4}, {3}).graph(),
                    Contains("pads more dimensions"));
  for (const float scale : {0.0F, -1.0F, 1e30F, NAN})
    CHECK_THROWS_AS(OneLayer(11, "Interpolate", newer("nearest", "scales"), "opset11")
                        .input(in)
                        .constant<float>({1}, {scale})
                        .ints({3})
                        .graph(),
                    FormatError);
}
