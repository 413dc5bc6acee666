#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "engine/core/error.h"
#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/rearrange_layers.h"

namespace refcalib::engine::ir {
namespace {

constexpr double kLargestDimension = 1 << 24;

std::int64_t checked_dimension(double size) {
  if (!(size >= 1 && size <= kLargestDimension)) throw FormatError("the output has no valid size");
  return static_cast<std::int64_t>(size);
}

/// The shape of the result: the second input (all dimensions, or the spatial ones), height and width, the declared output, or
/// what `computed` makes of a dimension.
Shape resized_shape(const LayerReader& reader, const Shape& in,
                    const std::function<double(double)>& computed) {
  const std::size_t spatial = reader.spatial_rank();
  if (reader.input_count() > 1) {
    const std::vector<std::int64_t> sizes = reader.ints(1);
    if (sizes.size() == in.size()) return sizes;
    if (sizes.size() != spatial) throw FormatError("the second input is neither a shape nor a spatial size");
    Shape shape(in.begin(), in.begin() + 2);
    shape.insert(shape.end(), sizes.begin(), sizes.end());
    return shape;
  }
  Shape shape = in;
  const std::int64_t height = reader.integer("height", 0), width = reader.integer("width", 0);
  if (height > 0 && width > 0 && spatial == 2) {
    shape[2] = height;
    shape[3] = width;
    return shape;
  }
  if (!reader.layer().outputs.empty() && !reader.layer().outputs[0].dims.empty())
    return reader.layer().outputs[0].dims;
  for (std::size_t d = 2; d < shape.size(); ++d)
    shape[d] = checked_dimension(computed(static_cast<double>(in[d])));
  return shape;
}

/// Bilinear without a half-pixel offset; padding counts for the coordinates, negative padding crops.
void read_interp(LayerReader& reader) {
  reader.expect_inputs(1, 2);
  const std::size_t rank = reader.spatial_rank() + 2;
  const std::int64_t begin = reader.integer("pad_beg", 0), end = reader.integer("pad_end", 0);
  PadAttributes pads;
  pads.begin.assign(rank, begin);
  pads.end.assign(rank, end);
  std::fill_n(pads.begin.begin(), 2, 0);
  std::fill_n(pads.end.begin(), 2, 0);
  const ValueId x = pad(reader, "padded", reader.input(0), std::move(pads));
  const double factor = reader.real("factor", 0), zoom = reader.real("zoom_factor", 0),
               shrink = reader.real("shrink_factor", 0);
  const Shape in = reader.builder().graph().value(x).shape;
  ResizeAttributes a;
  a.mode = "linear_onnx";
  a.coordinates = reader.boolean("align_corners", true) ? "align_corners" : "asymmetric";
  a.shape = resized_shape(reader, in, [&](double size) {
    const double grown = size * (zoom > 0 ? zoom : factor > 0 ? factor : 1);
    return shrink > 0 ? grown / shrink : grown;
  });
  a.scale = scales_between(in, a.shape);
  add_resize(reader, x, std::move(a));
}

/// Pixel centres meet; elements outside the input do not count.
void read_resample(LayerReader& reader) {
  reader.expect_inputs(1, 2);
  const std::string type = reader.word("type", "nearest");
  ResizeAttributes a;
  a.coordinates = "resample";
  a.nearest_mode = "round_prefer_ceil";
  if (type.ends_with("nearest"))
    a.mode = "nearest";
  else if (type.ends_with("linear"))
    a.mode = "linear";
  else if (type.ends_with("cubic"))
    a.mode = "cubic";
  else
    throw UnsupportedError("resampling of type '" + type + "' is not supported");
  a.cube_coeff = -0.5;  // Catmull and Rom's, as Caffe's layer has it
  a.antialias = reader.boolean("antialias", false);
  const double factor = reader.real("factor", 1);
  const Shape in = reader.shape(0);
  a.shape = resized_shape(reader, in, [&](double size) { return std::ceil(size * factor); });
  a.scale = scales_between(in, a.shape);
  add_resize(reader, reader.input(0), std::move(a));
}

void read_upsampling(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  const double factor = reader.real("scale");
  ResizeAttributes a;
  a.coordinates = "asymmetric";
  a.nearest_mode = "floor";
  const Shape in = reader.shape(0);
  a.shape = resized_shape(reader, in, [&](double size) { return size * factor; });
  a.scale = scales_between(in, a.shape);
  add_resize(reader, reader.input(0), std::move(a));
}

constexpr std::array<LegacyLayer, 3> kLayers = {{
    {"interp", read_interp},
    {"resample", read_resample},
    {"upsampling", read_upsampling},
}};

}  // namespace

std::span<const LegacyLayer> legacy_resize_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
