#pragma once

#include <string>

#include "engine/core/error.h"
#include "engine/ops/op.h"

namespace refcalib::engine {

/// For kernels that read nothing but floats. Throws UnsupportedError unless input `i` is of floats, or a constant, which a step gets
/// as floats.
inline void require_floats(const OpInputs& in, std::size_t i) {
  if (is_float(in.dtype(i)) || in.is_constant(i)) return;
  throw UnsupportedError("input " + std::to_string(i) + " of element type " +
                         std::string(to_string(in.dtype(i))) + " is not supported, only floats are");
}

}  // namespace refcalib::engine
