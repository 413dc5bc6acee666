#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/formats/ir/document.h"

namespace refcalib::engine::ir {

/// The element type of a name as ports ("FP32", "I64", "UI8" …) or attributes ("f32", "boolean" …) spell it,
/// in any case; nullopt for names that are unknown or whose elements are not whole bytes.
std::optional<DType> find_element_type(std::string_view name) noexcept;

/// The same; throws UnsupportedError.
DType element_type(std::string_view name);

/// The name that a port's `precision` uses: "FP32", "I64" …
std::string_view port_precision(DType type) noexcept;

/// The bytes of floats in an element type, f32 or f16 (rounded to nearest even). Throws UnsupportedError for others.
std::vector<std::byte> encode_floats(DType type, std::span<const float> values);

/// The bytes of a v10/v11 Const, from its attributes `offset` and `size`. Throws FormatError.
Blob constant_blob(const Layer& layer);

}  // namespace refcalib::engine::ir
