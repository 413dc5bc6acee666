#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/shape.h"

namespace refcalib::engine {

/// Floats that are integers times scales: element e is codes[e] * scale[e / inner % scale.size()], rounded to float.
struct ScaledIntegers {
  std::span<const std::int8_t> codes;
  std::vector<float> scale;
  std::size_t inner = 1;
};

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
  /// Floats that stay integers times scales (ScaledIntegers) until somebody asks for floats: weights that a file stores in integers are
  /// packed without a detour. `codes` is of i8; `scale` is not empty.
  static Constant scaled(const Constant& codes, std::vector<float> scale, std::size_t inner);

  explicit operator bool() const noexcept { return present_; }
  DType dtype() const noexcept { return dtype_; }
  const Shape& shape() const noexcept { return shape_; }
  std::int64_t count() const noexcept { return count_; }
  /// The elements as they lie in memory. Those of scaled integers are made by the first call.
  std::span<const std::byte> bytes() const { return integers_ ? scaled_bytes() : bytes_; }
  /// What floats are made of, if this constant was made by scaled(); else nullptr.
  const ScaledIntegers* integers() const noexcept;

  /// The same integers with other scales. Of constants made by scaled().
  Constant rescaled(std::vector<float> scale, std::size_t inner) const;
  /// The same data under another shape of equal element count.
  Constant reshaped(Shape shape) const;
  /// The elements converted to float (f16 exactly; integers rounded to nearest).
  std::vector<float> to_floats() const;
  /// The elements converted to int64 (floats truncated toward zero, saturating).
  std::vector<std::int64_t> to_ints() const;

 private:
  struct LazyFloats;

  std::span<const std::byte> scaled_bytes() const;

  bool present_ = false;
  DType dtype_ = DType::f32;
  Shape shape_;
  std::int64_t count_ = 0;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const LazyFloats> integers_;
};

/// IEEE half to float, exact.
float half_to_float(std::uint16_t half) noexcept;
/// Float to IEEE half, round to nearest even; overflow gives infinity.
std::uint16_t float_to_half(float value) noexcept;

}  // namespace refcalib::engine
