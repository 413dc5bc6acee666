#pragma once

#include <memory>
#include <vector>

#include "engine/runtime/step.h"

namespace refcalib::engine {

/// The step of a function per channel of u8 values to u8, over rows of channels (or [N, C]), with one scale for the input and one for the
/// output. affine: y = x * weight[c] + bias[c]; else y = x < 0 ? x * weight[c] : x. One weight, and bias, may stand for all.
std::unique_ptr<Step> plan_channels_u8(const TensorRef& in, const TensorRef& out,
                                       const std::vector<float>& weight, const std::vector<float>& bias,
                                       bool affine);

}  // namespace refcalib::engine
