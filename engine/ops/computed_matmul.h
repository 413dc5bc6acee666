#pragma once

#include <memory>

#include "engine/ops/convolution.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// The product of two operands that are computed at run time (or that the kernels for constant weights do not take):
/// batches broadcast as in numpy, either operand may be transposed or a vector. Plain f32 tensors.
std::unique_ptr<Step> plan_computed_matmul(const MatMulAttributes& attributes, const TensorRef& a,
                                           const TensorRef& b, const TensorRef& out, Isa isa);

}  // namespace refcalib::engine
