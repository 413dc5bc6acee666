#pragma once

#include <span>
#include <string_view>

#include "engine/formats/ir/layer_reader.h"

namespace refcalib::engine::ir {

/// Families of operations of v10/v11. A new operation, or a new version of one, is one function and one line
/// in its family's table, and a new operation one in supported_layers.cpp.
std::span<const OpsetLayer> opset_convolution_layers() noexcept;
std::span<const OpsetLayer> opset_pooling_layers() noexcept;
std::span<const OpsetLayer> opset_activation_layers() noexcept;
std::span<const OpsetLayer> opset_eltwise_layers() noexcept;
std::span<const OpsetLayer> opset_math_layers() noexcept;
std::span<const OpsetLayer> opset_movement_layers() noexcept;
std::span<const OpsetLayer> opset_rearrange_layers() noexcept;
std::span<const OpsetLayer> opset_resize_layers() noexcept;
std::span<const OpsetLayer> opset_indexing_layers() noexcept;
std::span<const OpsetLayer> opset_detection_layers() noexcept;

/// A family's table.
using OpsetFamily = std::span<const OpsetLayer> (*)() noexcept;
/// All families, in the order in which they are searched.
std::span<const OpsetFamily> opset_families() noexcept;

/// The translation of a type (any case) in the operation set `version` ("opset8"): the newest meaning that
/// existed there. nullptr if there is none.
const OpsetLayer* find_opset_layer(std::string_view type, std::string_view version) noexcept;

}  // namespace refcalib::engine::ir
