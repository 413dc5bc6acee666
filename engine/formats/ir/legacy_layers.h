#pragma once

#include <span>
#include <string_view>

#include "engine/formats/ir/layer_reader.h"

namespace refcalib::engine::ir {

/// Families of legacy (v2 to v7) layer types. A new type is one function and one line in its family's table,
/// and one in supported_layers.cpp.
std::span<const LegacyLayer> legacy_convolution_layers() noexcept;
std::span<const LegacyLayer> legacy_pooling_layers() noexcept;
std::span<const LegacyLayer> legacy_activation_layers() noexcept;
std::span<const LegacyLayer> legacy_eltwise_layers() noexcept;
std::span<const LegacyLayer> legacy_math_layers() noexcept;
std::span<const LegacyLayer> legacy_movement_layers() noexcept;
std::span<const LegacyLayer> legacy_rearrange_layers() noexcept;
std::span<const LegacyLayer> legacy_resize_layers() noexcept;
std::span<const LegacyLayer> legacy_indexing_layers() noexcept;
std::span<const LegacyLayer> legacy_detection_layers() noexcept;

/// A family's table.
using LegacyFamily = std::span<const LegacyLayer> (*)() noexcept;
/// All families, in the order in which they are searched.
std::span<const LegacyFamily> legacy_families() noexcept;

/// The translation of a type (any case), or nullptr.
const LegacyLayer* find_legacy_layer(std::string_view type) noexcept;

}  // namespace refcalib::engine::ir
