#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/caffe/layers.h"

namespace refcalib::engine::caffe {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 20;

const Shape& picture(const CaffeLayer& layer) {
  const Shape& x = layer.shape();
  if (x.size() != 4) throw FormatError("the blob has the shape " + to_string(x) + "; expected is rank 4");
  return x;
}

void add_resize(CaffeLayer& layer, ValueId data, std::int64_t height, std::int64_t width, bool linear) {
  if (height < 1 || width < 1 || height > kLargest || width > kLargest)
    throw FormatError("the size " + std::to_string(height) + "x" + std::to_string(width) + " is not valid");
  const Shape& x = layer.shape_of(data);
  const auto factor = [](std::int64_t to, std::int64_t from) {
    return static_cast<float>(to) / static_cast<float>(from);
  };
  layer.add({"Interpolate", 4},
            {{"mode", linear ? "linear_onnx" : "nearest"},
             {"shape_calculation_mode", "sizes"},
             {"coordinate_transformation_mode", linear ? "align_corners" : "asymmetric"},
             {"nearest_mode", "floor"},
             {"antialias", "false"},
             {"pads_begin", "0"},
             {"pads_end", "0"},
             {"cube_coeff", "-0.75"}},
            {data, layer.integers("sizes", {height, width}),
             layer.floats("scales", {2}, {factor(height, x[2]), factor(width, x[3])}),
             layer.integers("axes", {2, 3})});
}

/// Repeats elements. With positions of maxima as a second bottom it would undo a pooling.
void read_upsample(CaffeLayer& layer) {
  if (layer.input_count() > 1)
    throw UnsupportedError("Upsample by positions of maxima is not supported",
                           {"", "", "export the network with Deconvolution or Interp instead"});
  const proto::UpsampleParameter& p = layer.parameter().upsample_param();
  const Shape& x = picture(layer);
  const std::int64_t both = p.has_stride() && !p.has_scale() ? p.stride() : p.scale();
  const std::int64_t h = p.has_scale_h() ? p.scale_h() : both, w = p.has_scale_w() ? p.scale_w() : both;
  if (std::max(h, w) > kLargest) throw FormatError("scale is out of range");
  add_resize(layer, layer.input(), p.has_upsample_h() ? p.upsample_h() : x[2] * h,
             p.has_upsample_w() ? p.upsample_w() : x[3] * w, false);
}

/// Linear interpolation between corners, to a size that is stated, that of the second bottom, or one by factors; paddings crop.
void read_interp(CaffeLayer& layer) {
  layer.expect_inputs(1, 2);
  const proto::InterpParameter& p = layer.parameter().interp_param();
  const Shape x = picture(layer);
  if (p.pad_beg() > 0 || p.pad_end() > 0) throw FormatError("pad_beg and pad_end may only crop");
  const std::int64_t begin = -static_cast<std::int64_t>(p.pad_beg()),
                     end = -static_cast<std::int64_t>(p.pad_end());
  std::array<std::int64_t, 2> inner = {x[2] - begin - end, x[3] - begin - end};
  if (inner[0] < 1 || inner[1] < 1) throw FormatError("nothing is left of a blob of shape " + to_string(x));
  ValueId data = layer.input();
  if (begin + end > 0)
    data = layer.helper({"Slice", 8}, "cropped", {},
                        {data, layer.integers("begin", {begin, begin}),
                         layer.integers("end", {begin + inner[0], begin + inner[1]}),
                         layer.integers("step", {1, 1}), layer.integers("axes", {2, 3})});
  if (p.shrink_factor() < 1 || p.zoom_factor() < 1) throw FormatError("a factor is not positive");
  std::array<std::int64_t, 2> size{};
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int64_t shrunk = (inner[d] - 1) / p.shrink_factor() + 1;
    size[d] = shrunk + (shrunk - 1) * (p.zoom_factor() - 1);
  }
  if (p.has_height() && p.has_width() && p.height() > 0) size = {p.height(), p.width()};
  if (layer.input_count() == 2) {
    if (layer.shape(1).size() != 4) throw FormatError("bottom 1 has the shape " + to_string(layer.shape(1)));
    size = {layer.shape(1)[2], layer.shape(1)[3]};
  }
  add_resize(layer, data, size[0], size[1], true);
}

constexpr LayerType kTypes[] = {
    {"Upsample", read_upsample},
    {"Interp", read_interp},
};

}  // namespace

std::span<const LayerType> resize_types() noexcept {
  return kTypes;
}

}  // namespace refcalib::engine::caffe
