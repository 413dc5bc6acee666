#pragma once

#include <memory>

#include "engine/ops/op.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// A step that copies a tensor to another of the same shape and element type, converting between memory orders.
std::unique_ptr<Step> plan_copy(const TensorRef& from, const TensorRef& to);

/// One piece of a strided copy: `shape` elements from `from` to `to`, each with strides of its own (in elements) and a start.
struct StridedPiece {
  Operand from, to;
  std::vector<std::int64_t> shape{}, from_strides{}, to_strides{};
  std::int64_t from_start = 0, to_start = 0;
};

/// A step that runs a list of strided copies of elements of `element_size` bytes.
std::unique_ptr<Step> plan_strided(std::vector<StridedPiece> pieces, std::size_t element_size);

}  // namespace refcalib::engine
