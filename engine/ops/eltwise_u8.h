#pragma once

#include <memory>

#include "engine/ops/eltwise.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// True if sums and products of these operands can run on u8: a sum or a product of two tensors, of which one has the shape of the
/// result and the other broadcasts to it.
bool runs_on_u8(const EltwiseAttributes& a, const Shape& x, const Shape& y, const Shape& out);

/// The step of a sum or product of u8 operands that satisfy `runs_on_u8`: rows of channels where both operands are such rows (one row
/// for every image included), else one element after the other.
std::unique_ptr<Step> plan_eltwise_u8(const EltwiseAttributes& a, TensorRef x, TensorRef y,
                                      const TensorRef& out, Isa isa);

}  // namespace refcalib::engine
