#pragma once

#include <cstdint>
#include <vector>

#include "engine/ops/activation.h"

namespace refcalib::engine {

/// "Convolution": inputs x [N, C, spatial…], weights [groups, OC/groups, C/groups, kernel…] (always with the leading
/// group dimension), optionally bias [OC]; 1 to 3 spatial dimensions. Output size per axis from the pads:
/// floor((I + begin + end - ((K - 1) * dilation + 1)) / stride) + 1; readers resolve auto_pad beforehand.
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
