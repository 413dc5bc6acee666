#include "engine/formats/ir/legacy_window.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "engine/core/error.h"

namespace refcalib::engine::ir {
namespace {

/// {y, x} of v2 scalars, each falling back to `absent`.
std::vector<std::int64_t> scalars(const LayerReader& reader, const char* y, const char* x,
                                  const std::vector<std::int64_t>& absent) {
  return {reader.integer(y, absent[0]), reader.integer(x, absent[1])};
}

Window scalar_window(const LayerReader& reader) {
  if (reader.spatial_rank() != 2)
    throw FormatError("attributes kernel-x and kernel-y describe two spatial dimensions");
  Window window;
  window.kernel = {reader.integer("kernel-y"), reader.integer("kernel-x")};
  window.strides = scalars(reader, "stride-y", "stride-x", {1, 1});
  window.dilations = scalars(reader, "dilation-y", "dilation-x", {1, 1});
  window.pads_begin = scalars(reader, "pad-y", "pad-x", {0, 0});
  window.pads_end = scalars(reader, "pad-b", "pad-r", window.pads_begin);
  // The readers of that generation took a stride of 0 as 1.
  std::replace(window.strides.begin(), window.strides.end(), std::int64_t{0}, std::int64_t{1});
  return window;
}

/// Caffe's own words: one value for both dimensions, or one for each.
Window caffe_window(const LayerReader& reader) {
  if (reader.spatial_rank() != 2)
    throw FormatError("attributes kernel_size, kernel_h and kernel_w describe two spatial dimensions");
  const auto both = [&](const char* one, const char* y, const char* x, std::int64_t absent) {
    const std::int64_t common = reader.integer(one, absent);
    return scalars(reader, y, x, {common, common});
  };
  Window window;
  window.kernel = both("kernel_size", "kernel_h", "kernel_w", 0);
  window.strides = both("stride", "stride_h", "stride_w", 1);
  window.dilations = {1, 1};
  window.pads_begin = both("pad", "pad_h", "pad_w", 0);
  window.pads_end = window.pads_begin;
  std::replace(window.strides.begin(), window.strides.end(), std::int64_t{0}, std::int64_t{1});
  return window;
}

Window list_window(const LayerReader& reader) {
  const std::size_t rank = reader.spatial_rank();
  if (!reader.has("kernel")) throw FormatError("attribute 'kernel' is missing");
  Window window;
  window.kernel = reader.spatial("kernel", rank, 1);
  window.strides = reader.spatial("strides", rank, 1);
  window.dilations = reader.spatial("dilations", rank, 1);
  window.pads_begin = reader.spatial("pads_begin", rank, 0);
  window.pads_end = reader.has("pads_end") ? reader.spatial("pads_end", rank, 0) : window.pads_begin;
  return window;
}

Window written_window(const LayerReader& reader, NegativePads negative) {
  const bool caffe = reader.has("kernel_size") || reader.has("kernel_h");
  Window window = reader.has("kernel")     ? list_window(reader)
                  : reader.has("kernel-x") ? scalar_window(reader)
                  : caffe                  ? caffe_window(reader)
                                           : list_window(reader);
  std::replace(window.dilations.begin(), window.dilations.end(), std::int64_t{0}, std::int64_t{1});
  check_window(window, negative);
  return window;
}

}  // namespace

std::vector<std::int64_t> declared_sizes(const LayerReader& reader) {
  const auto& outputs = reader.layer().outputs;
  const std::size_t rank = reader.shape(0).size();
  if (outputs.empty() || outputs.front().dims.size() != rank) return {};
  return {outputs.front().dims.begin() + 2, outputs.front().dims.end()};
}

Window legacy_convolution_window(const LayerReader& reader) {
  Window window = written_window(reader, NegativePads::crop);
  const std::vector<std::int64_t> sizes = spatial_sizes(reader), declared = declared_sizes(reader);
  resolve_auto_pad(window, reader.word("auto_pad", ""), sizes);
  for (std::size_t i = 0; i < declared.size(); ++i) {
    const std::int64_t extent = window_extent(window, i);
    const std::int64_t span = sizes[i] + window.pads_begin[i] + window.pads_end[i] - extent;
    const std::int64_t outputs = span < 0 ? 0 : span / window.strides[i] + 1;
    if (declared[i] > 0 && std::abs(declared[i] - outputs) == 1)
      window.pads_end[i] = (declared[i] - 1) * window.strides[i] + extent - sizes[i] - window.pads_begin[i];
  }
  return window;
}

Window legacy_pooling_window(const LayerReader& reader) {
  Window window = written_window(reader, NegativePads::unsupported);
  resolve_auto_pad(window, reader.word("auto_pad", ""), spatial_sizes(reader));
  return window;
}

Window legacy_deconvolution_window(const LayerReader& reader) {
  Window window = written_window(reader, NegativePads::crop);
  const std::vector<std::int64_t> sizes = spatial_sizes(reader), declared = declared_sizes(reader);
  const std::string auto_pad = reader.word("auto_pad", "");
  std::vector<std::int64_t> scaled = sizes;
  for (std::size_t i = 0; i < sizes.size(); ++i) scaled[i] *= window.strides[i];
  resolve_auto_pad(window, auto_pad, scaled);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t whole =
        window.strides[i] * (sizes[i] - 1) + window_extent(window, i) - window.pads_begin[i];
    std::int64_t outputs = auto_pad.starts_with("same") ? scaled[i] : whole - window.pads_end[i];
    if (!declared.empty() && std::abs(declared[i] - outputs) < std::max<std::int64_t>(window.strides[i], 2))
      outputs = declared[i];
    window.pads_end[i] = whole - outputs;
  }
  return window;
}

}  // namespace refcalib::engine::ir
