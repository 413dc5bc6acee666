#pragma once

#include <cstdint>
#include <vector>

namespace refcalib::engine {

/// One axis of a transposed convolution y[i * stride + k * dilation - pad] += x[i] * w[k], with `in` inputs, `kernel` taps and `out` outputs.
struct DeconvolutionAxis {
  std::int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, pad = 0;

  /// Outputs first, first + stride, … are the phase of that number; there are phases() of them.
  std::int64_t phases() const noexcept { return stride < out ? stride : out; }
};

/// The outputs first, first + stride, … of an axis as a plain convolution with stride 1:
/// y[first + n * stride] = sum_j x[n - pad + j * dilation] * w[taps[j]].
struct DeconvolutionPhase {
  std::int64_t first = 0;
  std::int64_t count = 0;          ///< outputs
  std::vector<std::int64_t> taps;  ///< empty: no input reaches these outputs
  std::int64_t dilation = 1, pad = 0;
};

DeconvolutionPhase deconvolution_phase(const DeconvolutionAxis& axis, std::int64_t first);

}  // namespace refcalib::engine
