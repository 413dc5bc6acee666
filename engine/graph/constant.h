#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/shape.h"

namespace refcalib::engine {

/// Immutable tensor data, row-major in the order of its shape. Either owns its bytes or keeps the mapped weights
/// file alive that they lie in; bytes of a mapped file need not be aligned.
class Constant {
 public:
  Constant() = default;
  /// A view of `bytes`, which `owner` keeps alive. Throws FormatError if the size does not fit type and shape.
  Constant(DType dtype, Shape shape, std::span<const std::byte> bytes, std::shared_ptr<const void> owner);
  /// Owning constants.
  static Constant f32(Shape shape, std::vector<float> values);
  static Constant i64(Shape shape, std::vector<std::int64_t> values);
  static Constant i64_vector(std::vector<std::int64_t> values);  ///< shape [n]

  explicit operator bool() const noexcept { return present_; }
  DType dtype() const noexcept { return dtype_; }
  const Shape& shape() const noexcept { return shape_; }
  std::int64_t count() const noexcept { return count_; }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

  /// The same data under another shape of equal element count.
  Constant reshaped(Shape shape) const;
  /// The elements converted to float (f16 exactly; integers rounded to nearest).
  std::vector<float> to_floats() const;
  /// The elements converted to int64 (floats truncated toward zero, saturating).
  std::vector<std::int64_t> to_ints() const;

 private:
  bool present_ = false;
  DType dtype_ = DType::f32;
  Shape shape_;
  std::int64_t count_ = 0;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

/// IEEE half to float, exact.
float half_to_float(std::uint16_t half) noexcept;
/// Float to IEEE half, round to nearest even; overflow gives infinity.
std::uint16_t float_to_half(float value) noexcept;

}  // namespace refcalib::engine
