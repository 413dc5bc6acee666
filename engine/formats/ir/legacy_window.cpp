#include "engine/formats/ir/legacy_window.h"

#include <algorithm>
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

}  // namespace

Window legacy_window(const LayerReader& reader) {
  const bool scalar = !reader.has("kernel") && reader.has("kernel-x");
  Window window = scalar ? scalar_window(reader) : list_window(reader);
  std::replace(window.dilations.begin(), window.dilations.end(), std::int64_t{0}, std::int64_t{1});
  check_window(window);
  resolve_auto_pad(window, reader.word("auto_pad", ""), spatial_sizes(reader));
  return window;
}

}  // namespace refcalib::engine::ir
