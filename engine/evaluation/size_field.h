#pragma once

#include <optional>

#include "engine/evaluation/configuration/fields.h"

namespace refcalib::engine {

/// Sides in pixels.
struct PixelSize {
  int width = 0, height = 0;
};

/// A size given as `size`, or as `dst_width` and `dst_height`; nullopt if none is given. Throws FormatError if
/// only one side is given.
inline std::optional<PixelSize> read_size(Fields& fields) {
  constexpr int kLargest = 1 << 15;
  const auto size = fields.optional_number("size", {1, kLargest, true});
  const auto width = fields.optional_number("dst_width", {1, kLargest, true});
  const auto height = fields.optional_number("dst_height", {1, kLargest, true});
  if (width.has_value() != height.has_value())
    fields.fail(width ? "dst_width" : "dst_height", "'dst_width' and 'dst_height' must be given together");
  if (width) return PixelSize{static_cast<int>(*width), static_cast<int>(*height)};
  if (size) return PixelSize{static_cast<int>(*size), static_cast<int>(*size)};
  return std::nullopt;
}

}  // namespace refcalib::engine
