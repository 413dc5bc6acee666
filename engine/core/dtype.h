#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace refcalib::engine {

/// Element types that a tensor can have in a model file or while running.
/// While running only f32, u8, s8, i32 and i64 occur: f16 is widened at load, boolean is stored as u8 0/1.
enum class DType : std::uint8_t { f32, f16, f64, i64, i32, i16, i8, u8, u16, u32, u64, boolean };

/// Bytes of one element.
constexpr std::size_t size_of(DType type) noexcept {
  switch (type) {
    case DType::f64:
    case DType::i64:
    case DType::u64:
      return 8;
    case DType::f32:
    case DType::i32:
    case DType::u32:
      return 4;
    case DType::f16:
    case DType::i16:
    case DType::u16:
      return 2;
    default:
      return 1;
  }
}

constexpr bool is_float(DType type) noexcept {
  return type == DType::f32 || type == DType::f16 || type == DType::f64;
}

/// Lower-case name as IR v10/v11 spells it: "f32", "i64", "boolean" …
std::string_view to_string(DType type) noexcept;

}  // namespace refcalib::engine
