#pragma once

#include "engine/core/dtype.h"
#include "engine/formats/ir/document.h"

namespace refcalib::engine::ir {

/// The document with its floating-point weights in FP32 or FP16. Of v7 all of it changes type, as the files of that time state it; of
/// v10/v11 constants become FP16 behind a Convert that decompresses them. What FP16 cannot hold, magnitudes beyond 65504, stays in FP32.
Document with_float_type(const Document& document, DType type);

}  // namespace refcalib::engine::ir
