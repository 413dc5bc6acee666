#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

constexpr double kLargestDimension = 1 << 24;

/// How to resize, in the words of Resize-11 and later.
struct Resizing {
  std::string mode, coordinates, nearest;
  bool antialias = false;
  double cubic = -0.75;
};

/// Sizes and scales of all dimensions.
struct Target {
  Shape sizes;
  std::vector<float> scales;
};

/// Names the dimensions that change; Interpolate takes sizes and scales of these.
void add_interpolate(NodeReader& reader, const Resizing& how, const Target& target, bool by_sizes) {
  const Shape in = reader.shape(0);
  std::vector<std::int64_t> axes, sizes;
  std::vector<float> scales;
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (target.sizes[d] == in[d] && (by_sizes || target.scales[d] == 1.0F)) continue;
    axes.push_back(static_cast<std::int64_t>(d));
    sizes.push_back(target.sizes[d]);
    scales.push_back(target.scales[d]);
  }
  if (axes.empty()) return reader.add_reshape(reader.input(0), in);
  const std::string mode = how.mode == "linear" && !how.antialias ? "linear_onnx" : how.mode;
  const auto count = static_cast<std::int64_t>(axes.size());
  reader.add({"Interpolate", 4},
             {{"mode", mode},
              {"shape_calculation_mode", by_sizes ? "sizes" : "scales"},
              {"coordinate_transformation_mode", how.coordinates},
              {"nearest_mode", how.nearest},
              {"antialias", how.antialias ? "true" : "false"},
              {"cube_coeff", ir::format_float(static_cast<float>(how.cubic))},
              {"pads_begin", "0"},
              {"pads_end", "0"}},
             {reader.input(0), reader.i64("sizes", std::move(sizes)),
              reader.constant_value("scales", Constant::f32({count}, std::move(scales))),
              reader.i64("axes", std::move(axes))});
}

std::vector<std::size_t> axes_of(const NodeReader& reader, std::size_t count) {
  const std::size_t rank = reader.shape(0).size();
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : reader.integers("axes"))
    axes.push_back(static_cast<std::size_t>(NodeReader::axis(axis, rank)));
  if (axes.empty())
    for (std::size_t d = 0; d < rank; ++d) axes.push_back(d);
  if (axes.size() != count)
    throw FormatError("the node has " + std::to_string(count) + " sizes or scales for " +
                      std::to_string(axes.size()) + " dimensions");
  return axes;
}

Target by_scales(const NodeReader& reader, const std::vector<float>& scales) {
  const Shape in = reader.shape(0);
  Target target{in, std::vector<float>(in.size(), 1.0F)};
  const std::vector<std::size_t> axes = axes_of(reader, scales.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const float size = std::floor(scales[i] * static_cast<float>(in[axes[i]]));
    if (!(size >= 1 && static_cast<double>(size) <= kLargestDimension))
      throw FormatError("the scale " + std::to_string(scales[i]) + " gives no valid size");
    target.sizes[axes[i]] = static_cast<std::int64_t>(size);
    target.scales[axes[i]] = scales[i];
  }
  return target;
}

Target by_sizes(const NodeReader& reader, const std::vector<std::int64_t>& sizes) {
  const Shape in = reader.shape(0);
  Target target{in, std::vector<float>(in.size(), 1.0F)};
  const std::vector<std::size_t> axes = axes_of(reader, sizes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (sizes[i] < 1 || static_cast<double>(sizes[i]) > kLargestDimension)
      throw FormatError("the size " + std::to_string(sizes[i]) + " is out of range");
    target.sizes[axes[i]] = sizes[i];
    target.scales[axes[i]] =
        static_cast<float>(sizes[i]) / static_cast<float>(std::max<std::int64_t>(in[axes[i]], 1));
  }
  return target;
}

void check_mode(const std::string& mode) {
  if (mode != "nearest" && mode != "linear" && mode != "cubic")
    throw UnsupportedError("resizing mode '" + mode + "' is not supported");
}

/// Upsample, and Resize-10: element i of the output is element i / scale of the input.
void read_upsample(NodeReader& reader) {
  reader.expect_inputs(1, 2);
  Resizing how{reader.word("mode", "nearest"), "asymmetric", "floor"};
  if (how.mode == "bilinear") how.mode = "linear";
  check_mode(how.mode);
  const std::vector<float> scales =
      reader.has_input(1) ? reader.constant(1).to_floats() : reader.floats("scales");
  if (scales.empty()) throw FormatError("no scales are given");
  add_interpolate(reader, how, by_scales(reader, scales), false);
}

void read_resize(NodeReader& reader) {
  reader.expect_inputs(2, 4);
  Resizing how{reader.word("mode", "nearest"), reader.word("coordinate_transformation_mode", "half_pixel"),
               reader.word("nearest_mode", "round_prefer_floor"), reader.integer("antialias", 0) != 0,
               reader.real("cubic_coeff_a", -0.75)};
  check_mode(how.mode);
  constexpr std::string_view known[] = {"half_pixel", "pytorch_half_pixel", "asymmetric",
                                        "tf_half_pixel_for_nn", "align_corners"};
  if (std::find(std::begin(known), std::end(known), how.coordinates) == std::end(known))
    throw UnsupportedError("coordinate_transformation_mode '" + how.coordinates + "' is not supported");
  if (how.mode == "cubic" && reader.integer("exclude_outside", 0) != 0)
    throw UnsupportedError("cubic resizing that excludes what lies outside is not supported");
  if (how.antialias && how.mode == "cubic")
    throw UnsupportedError("cubic resizing with anti-aliasing is not supported");
  if (reader.word("keep_aspect_ratio_policy", "stretch") != "stretch")
    throw UnsupportedError("keep_aspect_ratio_policy other than stretch is not supported");
  // Writers leave the scales empty where there are sizes.
  if (reader.has_input(3)) return add_interpolate(reader, how, by_sizes(reader, reader.ints(3)), true);
  if (!reader.has_input(2)) throw FormatError("neither scales nor sizes are given");
  add_interpolate(reader, how, by_scales(reader, reader.constant(2).to_floats()), false);
}

constexpr Operator kOperators[] = {
    {"Upsample", 7, 9, read_upsample},
    {"Resize", 10, 10, read_upsample},
    {"Resize", 11, kNewest, read_resize},
};

}  // namespace

std::span<const Operator> resize_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
