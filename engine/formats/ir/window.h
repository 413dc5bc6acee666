#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/formats/ir/layer_reader.h"

namespace refcalib::engine::ir {

/// Kernel placement of convolutions and poolings, one value per spatial dimension, outermost first.
struct Window {
  std::vector<std::int64_t> kernel, strides, dilations, pads_begin, pads_end;
};

/// Resolves `auto_pad` for input sizes I: same_upper and same_lower give ceil(I / stride) outputs, padding
/// P = max((ceil(I / s) - 1) * s + (K - 1) * d + 1 - I, 0) of which the larger half goes to the end (upper)
/// or to the begin (lower); valid means no padding; "" and explicit keep the pads as they are. Throws
/// FormatError for other words.
void resolve_auto_pad(Window& window, const std::string& auto_pad,
                      const std::vector<std::int64_t>& input_sizes);

/// Throws FormatError unless kernel, strides and dilations are positive, and all values of a sane size. Pads of a pooling may not be
/// negative (UnsupportedError); those of a convolution crop.
enum class NegativePads : std::uint8_t { unsupported, crop };
void check_window(const Window& window, NegativePads negative);

/// (K - 1) * dilation + 1 on axis i.
std::int64_t window_extent(const Window& window, std::size_t i);

/// The sizes of input 0 behind batch and channels.
std::vector<std::int64_t> spatial_sizes(const LayerReader& reader);

}  // namespace refcalib::engine::ir
