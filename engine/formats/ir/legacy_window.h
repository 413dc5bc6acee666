#pragma once

#include "engine/formats/ir/window.h"

namespace refcalib::engine::ir {

/// The window of a legacy Convolution or Pooling: lists in spatial order, or the scalars of v2 (kernel-x,
/// stride-y, pad-r …). Defaults: strides and dilations 1, pads_begin 0, pads_end like pads_begin; auto_pad is
/// resolved.
Window legacy_window(const LayerReader& reader);

}  // namespace refcalib::engine::ir
