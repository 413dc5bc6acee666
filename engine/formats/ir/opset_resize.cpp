#include <algorithm>
#include <array>
#include <cmath>

#include "engine/core/error.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/rearrange_layers.h"

namespace refcalib::engine::ir {
namespace {

constexpr double kLargestDimension = 1 << 24;

/// The value with the padding of the attributes; lists may be shorter than the rank.
ValueId padded(LayerReader& reader) {
  const std::size_t rank = reader.shape(0).size();
  PadAttributes pads;
  pads.begin = reader.integers("pads_begin");
  pads.end = reader.integers("pads_end");
  for (auto* list : {&pads.begin, &pads.end}) {
    if (list->size() > rank) throw FormatError("pads more dimensions than the input has");
    list->resize(rank, 0);
  }
  return pad(reader, "padded", reader.input(0), std::move(pads));
}

/// One axis per resized dimension.
std::vector<std::size_t> resized_axes(const std::vector<std::int64_t>& named, std::size_t rank,
                                      std::size_t count) {
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : named)
    axes.push_back(static_cast<std::size_t>(LayerReader::axis(axis, rank)));
  if (axes.size() != count)
    throw FormatError("names " + std::to_string(axes.size()) + " axes and " + std::to_string(count) +
                      " sizes");
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (std::count(axes.begin(), axes.end(), axes[i]) != 1) throw FormatError("an axis is named twice");
  return axes;
}

/// Interpolate of the first operation sets: nearest elements and cubic filters without a half-pixel offset; linear over height and
/// width of rank 4 between two neighbours, else by a triangle from pixel centres; area
/// weighs elements by what an output element covers of them, whatever the corners do.
void read_interpolate_1(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  const ValueId x = padded(reader);
  const Shape in = reader.builder().graph().value(x).shape;
  const std::vector<std::int64_t> sizes = reader.ints(1);
  const std::vector<std::size_t> axes = resized_axes(reader.integers("axes"), in.size(), sizes.size());
  ResizeAttributes a;
  a.shape = in;
  for (std::size_t i = 0; i < axes.size(); ++i) a.shape[axes[i]] = sizes[i];
  a.scale = scales_between(in, a.shape);
  a.mode = reader.word("mode", "");
  a.nearest_mode = "simple";
  a.coordinates = reader.boolean("align_corners", true) ? "align_corners" : "asymmetric";
  if (a.mode == "linear") {
    const bool planes = in.size() == 4 && a.shape[0] == in[0] && a.shape[1] == in[1];
    a.mode = planes ? "linear_onnx" : "linear";
    if (!planes) a.coordinates = "half_pixel";
    a.antialias = reader.boolean("antialias", false);
  }
  add_resize(reader, x, std::move(a));
}

/// Sizes or scales of the resized axes.
void set_sizes(ResizeAttributes& a, const Shape& in, const std::vector<std::size_t>& axes,
               const std::vector<std::int64_t>& sizes) {
  for (std::size_t i = 0; i < axes.size(); ++i) a.shape[axes[i]] = sizes[i];
  a.scale = scales_between(in, a.shape);
}

void set_scales(ResizeAttributes& a, const Shape& in, const std::vector<std::size_t>& axes,
                const std::vector<float>& scales) {
  constexpr float epsilon = 1e-6F;  // what the reference implementation adds before it rounds down
  a.scale.assign(in.size(), 1.0F);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const float size = std::floor((scales[i] + epsilon) * static_cast<float>(in[axes[i]]));
    if (!(size >= 1 && static_cast<double>(size) <= kLargestDimension))
      throw FormatError("the scale " + std::to_string(scales[i]) + " gives no valid size");
    a.shape[axes[i]] = static_cast<std::int64_t>(size);
    a.scale[axes[i]] = scales[i];
  }
}

/// The attributes of version 4 and later, with the sizes and scales of these inputs.
void read_newer(LayerReader& reader, std::size_t sizes_input, std::size_t scales_input,
                std::size_t axes_input) {
  const ValueId x = padded(reader);
  const Shape in = reader.builder().graph().value(x).shape;
  ResizeAttributes a;
  a.mode = reader.word("mode", "");
  a.coordinates = reader.word("coordinate_transformation_mode", "half_pixel");
  a.nearest_mode = reader.word("nearest_mode", "round_prefer_floor");
  a.antialias = reader.boolean("antialias", false);
  a.cube_coeff = reader.real("cube_coeff", -0.75);
  a.shape = in;
  std::vector<std::int64_t> named;
  if (reader.input_count() > axes_input) {
    named = reader.ints(axes_input);
  } else {
    for (std::size_t d = 0; d < in.size(); ++d) named.push_back(static_cast<std::int64_t>(d));
  }
  const std::string calculation = reader.word("shape_calculation_mode", "");
  if (calculation == "sizes") {
    const std::vector<std::int64_t> sizes = reader.ints(sizes_input);
    set_sizes(a, in, resized_axes(named, in.size(), sizes.size()), sizes);
  } else if (calculation == "scales") {
    const std::vector<float> scales = reader.constant(scales_input).to_floats();
    set_scales(a, in, resized_axes(named, in.size(), scales.size()), scales);
  } else {
    throw FormatError("attribute 'shape_calculation_mode' is neither sizes nor scales");
  }
  add_resize(reader, x, std::move(a));
}

void read_interpolate_4(LayerReader& reader) {
  reader.expect_inputs(3, 4);
  read_newer(reader, 1, 2, 3);
}

void read_interpolate_11(LayerReader& reader) {
  reader.expect_inputs(2, 3);
  read_newer(reader, 1, 1, 2);
}

constexpr std::array<OpsetLayer, 3> kLayers = {{
    {"interpolate", 1, 3, read_interpolate_1},
    {"interpolate", 4, 10, read_interpolate_4},
    {"interpolate", 11, kNewest, read_interpolate_11},
}};

}  // namespace

std::span<const OpsetLayer> opset_resize_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
