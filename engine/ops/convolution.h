#pragma once

#include <cstdint>
#include <vector>

#include "engine/ops/activation.h"

namespace refcalib::engine {

/// "Convolution": inputs x [N, C, spatial…], weights [groups, OC/groups, C/groups, kernel…] (always with the leading
/// group dimension), optionally bias [OC]; 1 to 3 spatial dimensions. Output size per axis from the pads:
/// floor((I + begin + end - ((K - 1) * dilation + 1)) / stride) + 1; readers resolve auto_pad beforehand. Negative pads crop. Weights that
/// are computed at run time are packed in each run, in f32 only.
/// After fusing: input 3 is the residual, added before the activation (input 2 is then always present).
struct ConvolutionAttributes {
  std::vector<std::int64_t> strides, dilations, pads_begin, pads_end;
  FusedActivation activation;
  bool residual = false;  ///< input 3 is added to the result

  template <class V>
  void visit(V& v) {
    v("strides", strides);
    v("dilations", dilations);
    v("pads_begin", pads_begin);
    v("pads_end", pads_end);
    activation.visit(v);
    v("residual", residual);
  }
};

/// "Deconvolution" has the same attributes: inputs x [N, C, spatial…], weights [groups, C/groups, OC/groups, kernel…], optionally bias [OC].
///   y[n, o, i * stride + k * dilation - begin] += x[n, c, i] * w[g, c, o, k]
/// Output size per axis: stride * (I - 1) + ((K - 1) * dilation + 1) - begin - end. Readers resolve auto_pad, output_shape and output_padding
/// into the pads: the end pad is negative where the output goes on behind what the last input reaches. Outputs that no input reaches are the
/// bias. Each value is one sum over the taps that reach it, in ascending order of the inputs, and then channels, exactly as the
/// Convolution's.

/// "MatMul": inputs A [..., M, K], B [..., K, N], optionally bias [N]; numpy broadcast of leading dimensions; 1-D A or B
/// as in opset MatMul. A legacy FullyConnected is Reshape to [N, K] and MatMul with transpose_b and bias.
struct MatMulAttributes {
  bool transpose_a = false, transpose_b = false;
  FusedActivation activation;

  template <class V>
  void visit(V& v) {
    v("transpose_a", transpose_a);
    v("transpose_b", transpose_b);
    activation.visit(v);
  }
};

}  // namespace refcalib::engine
