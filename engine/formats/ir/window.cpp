#include "engine/formats/ir/window.h"

#include <algorithm>

#include "engine/core/error.h"

namespace refcalib::engine::ir {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 30;

void check_list(const std::vector<std::int64_t>& values, const char* what, std::int64_t least) {
  for (const std::int64_t value : values)
    if (value < least || value > kLargest)
      throw FormatError(std::string(what) + " " + std::to_string(value) + " is out of range");
}

}  // namespace

void resolve_auto_pad(Window& window, const std::string& auto_pad,
                      const std::vector<std::int64_t>& input_sizes) {
  if (auto_pad.empty() || auto_pad == "explicit" || auto_pad == "notset") return;
  const std::size_t count = window.kernel.size();
  window.pads_begin.assign(count, 0);
  window.pads_end.assign(count, 0);
  if (auto_pad == "valid") return;
  if (auto_pad != "same_upper" && auto_pad != "same_lower")
    throw FormatError("attribute 'auto_pad' has the unknown value '" + auto_pad + "'");
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t stride = window.strides[i];
    const std::int64_t extent = window_extent(window, i);
    const std::int64_t outputs = (input_sizes[i] + stride - 1) / stride;
    const std::int64_t total = std::max<std::int64_t>((outputs - 1) * stride + extent - input_sizes[i], 0);
    const std::int64_t smaller = total / 2;
    window.pads_begin[i] = auto_pad == "same_upper" ? smaller : total - smaller;
    window.pads_end[i] = total - window.pads_begin[i];
  }
}

void check_window(const Window& window, NegativePads negative) {
  check_list(window.kernel, "kernel size", 1);
  check_list(window.strides, "stride", 1);
  check_list(window.dilations, "dilation", 1);
  for (const auto* pads : {&window.pads_begin, &window.pads_end}) {
    if (negative == NegativePads::unsupported &&
        std::any_of(pads->begin(), pads->end(), [](std::int64_t pad) { return pad < 0; }))
      throw UnsupportedError("negative padding is not supported here",
                             {"", "", "crop the input in a layer of its own"});
    check_list(*pads, "padding", -kLargest);
  }
}

std::int64_t window_extent(const Window& window, std::size_t i) {
  return (window.kernel[i] - 1) * window.dilations[i] + 1;
}

std::vector<std::int64_t> spatial_sizes(const LayerReader& reader) {
  const Shape& shape = reader.shape(0);
  reader.spatial_rank();
  std::vector<std::int64_t> sizes(shape.begin() + 2, shape.end());
  check_list(sizes, "input size", 1);
  return sizes;
}

}  // namespace refcalib::engine::ir
