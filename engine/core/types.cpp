#include <array>

#include "engine/core/dtype.h"
#include "engine/core/error.h"
#include "engine/core/shape.h"

namespace refcalib::engine {

std::string_view to_string(DType type) noexcept {
  constexpr std::array<std::string_view, 12> names = {"f32", "f16", "f64", "i64", "i32", "i16",
                                                      "i8",  "u8",  "u16", "u32", "u64", "boolean"};
  return names[static_cast<std::size_t>(type)];
}

std::int64_t element_count(const Shape& shape) {
  constexpr std::int64_t limit = std::int64_t{1} << 40;
  // Without the zeros, so that products of some of the dimensions stay within the limit too.
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) throw FormatError("negative dimension in shape " + to_string(shape));
    empty = empty || dim == 0;
    if (dim == 0) continue;
    if (count > limit / dim) throw FormatError("shape " + to_string(shape) + " is too large");
    count *= dim;
  }
  return empty ? 0 : count;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? "," : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace refcalib::engine
