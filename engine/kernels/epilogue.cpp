#include "engine/kernels/epilogue.h"

#include <algorithm>
#include <cmath>

namespace refcalib::engine::kernels {

bool saturates(const Epilogue& e, std::size_t channels) noexcept {
  if (e.output_kind != Epilogue::Output::u8 || e.scale == nullptr) return false;
  if (e.residual_kind == Epilogue::Residual::f32) return false;
  constexpr double largest_sum = 2147483648.0,
                   limit = 1073741824.0;  // half of int32, so that rounding does not matter
  const double residual =
      e.residual_kind == Epilogue::Residual::u8 ? 255.0 * std::abs(e.residual_scale) : 0.0;
  for (std::size_t c = 0; c < channels; ++c) {
    const double slope = e.slope == nullptr ? 1.0 : std::max(1.0, std::abs(static_cast<double>(e.slope[c])));
    const double value =
        largest_sum * std::abs(e.scale[c]) + std::abs(static_cast<double>(e.bias[c])) + residual;
    const float inverse = e.inv_scale == nullptr ? 1.0F : e.inv_scale[c];
    const double code = value * slope * inverse;
    if (!(code < limit)) return false;  // NaN too
    if (!(std::nearbyint(e.high * inverse) >= static_cast<float>(255 - e.zero_point))) return false;
  }
  return true;
}

}  // namespace refcalib::engine::kernels
