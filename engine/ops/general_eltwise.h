#pragma once

#include <memory>
#include <string>

#include "engine/ops/eltwise.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// True if the operation is known for any element type (not only as a kernel on f32).
bool is_general_eltwise(const std::string& operation);

/// The operation on elements of any type, as a plain loop: in f32 if an operand is one, else in 64-bit integers
/// whose result wraps to the output's type. An integer division by zero gives 0.
std::unique_ptr<Step> plan_general_eltwise(const EltwiseAttributes& attributes, const TensorRef& x,
                                           const TensorRef& y, const TensorRef& out);

}  // namespace refcalib::engine
