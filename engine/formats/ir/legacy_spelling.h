#pragma once

#include <span>
#include <string_view>

#include "engine/formats/ir/legacy_writer.h"

namespace refcalib::engine::ir {

/// An operation of v10/v11 and the function that writes it in the layers of v7.
struct LegacySpelling {
  std::string_view type;  ///< lower case
  void (*write)(LegacyWriter&);
};

/// Families of spellings. A new one is one function and one row of its family's table.
std::span<const LegacySpelling> weighted_spellings() noexcept;
std::span<const LegacySpelling> elementwise_spellings() noexcept;
std::span<const LegacySpelling> movement_spellings() noexcept;
std::span<const LegacySpelling> reduction_spellings() noexcept;
std::span<const LegacySpelling> detection_spellings() noexcept;

/// The spelling of an operation (any case), or nullptr: v7 has none.
const LegacySpelling* find_legacy_spelling(std::string_view type) noexcept;

}  // namespace refcalib::engine::ir
