#pragma once

#include <string>

#include "engine/core/error.h"
#include "engine/ops/op.h"

namespace refcalib::engine {

/// Throws FormatError(`what`) unless `condition` holds.
inline void require(bool condition, const std::string& what) {
  if (!condition) throw FormatError(what);
}

/// Checks the number of inputs of a node.
inline void require_inputs(const OpInputs& in, std::size_t least, std::size_t most) {
  require(in.size() >= least && in.size() <= most,
          "has " + std::to_string(in.size()) + " inputs, expected " + std::to_string(least) +
              (most > least ? " to " + std::to_string(most) : std::string()));
}

/// Shape of a numpy broadcast of two shapes. Throws FormatError if they do not fit.
Shape broadcast_shape(const Shape& a, const Shape& b);

/// Inference of operations whose output has the type and shape of input 0.
std::vector<OutputType> infer_same(const Attributes&, const OpInputs& in);

/// `axis` counted from the end if negative. Throws FormatError if it is outside the rank.
std::int64_t normalize_axis(std::int64_t axis, std::size_t rank);

}  // namespace refcalib::engine
