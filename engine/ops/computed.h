#pragma once

#include "engine/ops/op.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// The element type that a value of this type has when it is computed: floats of any width are f32.
constexpr DType computed_type(DType type) noexcept {
  return is_float(type) ? DType::f32 : type;
}

/// The memory of a value as `computed_type` says: like PlanContext::tensor, but constant integers keep their type and may lie
/// unaligned in the file.
TensorRef stored_tensor(const PlanContext& context, ValueId id);

}  // namespace refcalib::engine
