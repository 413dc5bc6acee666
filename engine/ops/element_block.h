#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/dtype.h"

namespace refcalib::engine {

/// Elements of one block of the general element-wise loops: two operands and a result of eight bytes each stay
/// in the first-level cache.
inline constexpr std::int64_t kElementBlock = 512;

/// Loads `count` elements, `stride` elements apart, of any type that occurs while running (not f16). Floats
/// become integers by dropping the fraction and saturating (NaN: 0); integers become the nearest float.
void load_block(DType dtype, const std::byte* from, std::int64_t stride, std::int64_t count,
                float* to) noexcept;
void load_block(DType dtype, const std::byte* from, std::int64_t stride, std::int64_t count,
                std::int64_t* to) noexcept;

/// Stores the other way. Integers wrap to a narrower type, floats saturate; a boolean is 0 or 1.
void store_block(DType dtype, std::byte* to, std::int64_t stride, std::int64_t count,
                 const float* from) noexcept;
void store_block(DType dtype, std::byte* to, std::int64_t stride, std::int64_t count,
                 const std::int64_t* from) noexcept;

/// A float without its fraction, moved into the range of 64 bits; NaN gives 0.
std::int64_t saturated_whole(double value) noexcept;

/// `value` moved into the range of an integer type.
std::int64_t saturate(DType dtype, std::int64_t value) noexcept;

}  // namespace refcalib::engine
