#include <array>

#include "engine/core/error.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/window.h"
#include "engine/ops/convolution.h"

namespace refcalib::engine::ir {
namespace {

ConvolutionAttributes attributes(const LayerReader& reader, const Shape& kernel) {
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
  check_window(window);
  resolve_auto_pad(window, reader.word("auto_pad", ""), spatial_sizes(reader));
  ConvolutionAttributes result;
  result.strides = window.strides;
  result.dilations = window.dilations;
  result.pads_begin = window.pads_begin;
  result.pads_end = window.pads_end;
  return result;
}

/// `leading` dimensions of the weights in front of the kernel: 2 without groups, 3 with.
void convolution(LayerReader& reader, std::size_t leading) {
  reader.expect_inputs(2, 2);
  Shape shape = reader.shape(1);
  if (shape.size() <= leading) throw FormatError("the weights have the shape " + to_string(shape));
  if (reader.is_constant(1)) check_finite(reader.constant(1), "weights");
  ConvolutionAttributes result =
      attributes(reader, {shape.begin() + static_cast<std::ptrdiff_t>(leading), shape.end()});
  if (leading == 2) shape.insert(shape.begin(), 1);
  const ValueId weights = reader.reshaped(reader.input(1), "weights", std::move(shape));
  reader.add("Convolution", std::move(result), {reader.input(0), weights});
}

void read_matmul(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  if (reader.is_constant(1)) check_finite(reader.constant(1), "weights");
  MatMulAttributes result;
  result.transpose_a = reader.boolean("transpose_a", false);
  result.transpose_b = reader.boolean("transpose_b", false);
  reader.add("MatMul", std::move(result), reader.inputs());
}

constexpr std::array<OpsetLayer, 3> kLayers = {{
    {"convolution", 1, kNewest, [](LayerReader& r) { convolution(r, 2); }},
    {"groupconvolution", 1, kNewest, [](LayerReader& r) { convolution(r, 3); }},
    {"matmul", 1, kNewest, read_matmul},
}};

}  // namespace

std::span<const OpsetLayer> opset_convolution_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
