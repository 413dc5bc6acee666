#pragma once

#include <vector>

#include "engine/calibration/corrections.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// The bias that makes up for what rounding the weights adds on average:
///   b'[o] = b[o] - sum over i, k of (Wq[o,i,k] - W[o,i,k]) * E[x_i]
/// (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019, section 4.2; padding counts as if it
/// were inside). `node`: a Convolution, or a MatMul of [N, K] inputs, of the graph as its file has it; `weights`: its constant
/// weights; `ranges`: their limits, one or one per output channel, levels 255; `means`: E[x_i] of every input channel.
/// A bias that was corrected before is given as it is. Empty if the operation is another one, its bias is not a constant, or the bias
/// would not change.
std::vector<float> corrected_bias(const Graph& graph, const Node& node, const Constant& weights,
                                  const std::vector<QuantizationRange>& ranges,
                                  const std::vector<float>& means);

/// Corrects the bias of every layer with quantized weights of which the inputs' means are known.
void correct_biases(CalibrationState& state);

}  // namespace refcalib::engine
