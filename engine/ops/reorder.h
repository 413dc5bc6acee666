#pragma once

#include <memory>

#include "engine/kernels/layout/layout.h"
#include "engine/ops/op.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// Geometry of a change between a plain tensor and a channels-last one of the same shape.
kernels::LayoutArgs layout_args(const TensorRef& planar, const TensorRef& pixels);

/// A step that runs one form of the layout kernels.
std::unique_ptr<Step> make_layout_step(const char* name, kernels::LayoutKernels::Run run,
                                       const kernels::LayoutArgs& bound, Operand from, Operand to);

}  // namespace refcalib::engine
