#pragma once

#include <memory>
#include <vector>

#include "engine/runtime/step.h"

namespace refcalib::engine {

/// The step of a mean of u8 values over the axes whose flags are set, to u8 with a scale of its own. The sum is exact:
///   s = sum of (int(q) - zero_point);  y = float(s) * scale;  y = y / float(n);  stored as u8
/// Throws UnsupportedError for more than 2^23 values per mean.
std::unique_ptr<Step> plan_mean_u8(const std::vector<bool>& reduced, const TensorRef& in,
                                   const TensorRef& out);

}  // namespace refcalib::engine
