#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/window.h"
#include "engine/ops/convolution.h"

namespace refcalib::engine::ir {
namespace {

Window read_window(const LayerReader& reader, const Shape& kernel) {
  const std::size_t rank = reader.spatial_rank();
  if (kernel.size() != rank)
    throw FormatError("the weights have " + std::to_string(kernel.size()) +
                      " spatial dimensions, the input has " + std::to_string(rank));
  Window window;
  window.kernel = kernel;
  window.strides = reader.spatial("strides", rank, 1);
  window.dilations = reader.spatial("dilations", rank, 1);
  window.pads_begin = reader.spatial("pads_begin", rank, 0);
  window.pads_end = reader.spatial("pads_end", rank, 0);
  check_window(window, NegativePads::crop);
  return window;
}

ConvolutionAttributes attributes_of(const Window& window) {
  ConvolutionAttributes result;
  result.strides = window.strides;
  result.dilations = window.dilations;
  result.pads_begin = window.pads_begin;
  result.pads_end = window.pads_end;
  return result;
}

/// The weights' shape, checked to have more than `leading` dimensions in front of the kernel: 2 without groups, 3 with.
Shape weight_shape(const LayerReader& reader, std::size_t leading) {
  const Shape& shape = reader.shape(1);
  if (shape.size() <= leading) throw FormatError("the weights have the shape " + to_string(shape));
  if (reader.is_constant(1)) check_finite(reader.constant(1), "weights");
  return shape;
}

Shape kernel_of(const Shape& weights, std::size_t leading) {
  return {weights.begin() + static_cast<std::ptrdiff_t>(leading), weights.end()};
}

void add_windowed(LayerReader& reader, const char* op, const Window& window, Shape weights,
                  std::size_t leading) {
  if (leading == 2) weights.insert(weights.begin(), 1);
  const ValueId value = reader.reshaped(reader.input(1), "weights", std::move(weights));
  reader.add(op, attributes_of(window), {reader.input(0), value});
}

void convolution(LayerReader& reader, std::size_t leading) {
  reader.expect_inputs(2, 2);
  Shape weights = weight_shape(reader, leading);
  Window window = read_window(reader, kernel_of(weights, leading));
  resolve_auto_pad(window, reader.word("auto_pad", ""), spatial_sizes(reader));
  add_windowed(reader, "Convolution", window, std::move(weights), leading);
}

/// Begin pads and output size of one axis of a transposed convolution of `whole` = stride * (I - 1) + extent positions. With a wanted output
/// and auto_pad same_* the pads are what is to be cut off, the larger half at the begin for same_upper.
struct Cut {
  std::int64_t begin, outputs;
};
Cut cut(const std::string& auto_pad, std::int64_t whole, std::int64_t begin, std::int64_t end,
        std::int64_t padding, const std::int64_t* wanted) {
  const bool same = auto_pad == "same_upper" || auto_pad == "same_lower";
  if (same || auto_pad == "valid") begin = end = 0;
  if (wanted == nullptr) return {begin, whole - begin - end + padding};
  if (!same) return {begin, *wanted};
  const std::int64_t total = std::max<std::int64_t>(whole - *wanted + padding, 0);
  return {auto_pad == "same_upper" ? total - total / 2 : total / 2, *wanted};
}

std::vector<std::int64_t> wanted_sizes(const LayerReader& reader, std::size_t rank) {
  std::vector<std::int64_t> sizes = reader.ints(2);
  if (sizes.size() != rank)
    throw FormatError("output_shape has " + std::to_string(sizes.size()) + " values for " +
                      std::to_string(rank) + " spatial dimensions");
  for (const std::int64_t size : sizes)
    if (size < 1 || size > std::int64_t{1} << 30)
      throw FormatError("output_shape " + std::to_string(size) + " is out of range");
  return sizes;
}

void deconvolution(LayerReader& reader, std::size_t leading) {
  reader.expect_inputs(2, 3);
  Shape weights = weight_shape(reader, leading);
  Window window = read_window(reader, kernel_of(weights, leading));
  const std::vector<std::int64_t> sizes = spatial_sizes(reader);
  const std::vector<std::int64_t> padding = reader.spatial("output_padding", sizes.size(), 0);
  std::vector<std::int64_t> wanted;
  if (reader.input_count() > 2) wanted = wanted_sizes(reader, sizes.size());
  const std::string auto_pad = reader.word("auto_pad", "explicit");
  if (auto_pad != "explicit" && auto_pad != "notset" && auto_pad != "valid" && auto_pad != "same_upper" &&
      auto_pad != "same_lower")
    throw FormatError("attribute 'auto_pad' has the unknown value '" + auto_pad + "'");
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (padding[i] < 0 || padding[i] > std::int64_t{1} << 30)
      throw FormatError("output_padding " + std::to_string(padding[i]) + " is out of range");
    const std::int64_t whole = window.strides[i] * (sizes[i] - 1) + window_extent(window, i);
    const Cut c = cut(auto_pad, whole, window.pads_begin[i], window.pads_end[i], padding[i],
                      wanted.empty() ? nullptr : &wanted[i]);
    window.pads_begin[i] = c.begin;
    window.pads_end[i] = whole - c.begin - c.outputs;
  }
  add_windowed(reader, "Deconvolution", window, std::move(weights), leading);
}

void read_matmul(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  if (reader.is_constant(1)) check_finite(reader.constant(1), "weights");
  MatMulAttributes result;
  result.transpose_a = reader.boolean("transpose_a", false);
  result.transpose_b = reader.boolean("transpose_b", false);
  reader.add("MatMul", std::move(result), reader.inputs());
}

constexpr std::array<OpsetLayer, 5> kLayers = {{
    {"convolution", 1, kNewest, [](LayerReader& r) { convolution(r, 2); }},
    {"groupconvolution", 1, kNewest, [](LayerReader& r) { convolution(r, 3); }},
    {"convolutionbackpropdata", 1, kNewest, [](LayerReader& r) { deconvolution(r, 2); }},
    {"groupconvolutionbackpropdata", 1, kNewest, [](LayerReader& r) { deconvolution(r, 3); }},
    {"matmul", 1, kNewest, read_matmul},
}};

}  // namespace

std::span<const OpsetLayer> opset_convolution_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
