#pragma once

#include <string>
#include <vector>

#include "engine/formats/ir/layer_reader.h"
#include "engine/ops/activation.h"

namespace refcalib::engine::ir {

// Translations that the legacy and the opset vocabulary share. Each adds the node(s) of the layer to the
// reader's builder.

/// Activation with constant parameters.
void add_activation(LayerReader& reader, const char* function, double alpha = 0, double beta = 0);
/// Values kept as they are under the layer's own name.
void add_identity(LayerReader& reader);
/// y = x * scale[c] + shift[c]; both vectors have one or C elements.
void add_channel_affine(LayerReader& reader, ValueId x, std::vector<float> scale, std::vector<float> shift);
/// PRelu with a constant slope of 1 or C elements.
void add_prelu(LayerReader& reader, const Constant& slope);
void add_softmax(LayerReader& reader, std::int64_t axis, bool log);
/// Reduction over the constant axes of input 1.
void add_reduce(LayerReader& reader, const char* operation, bool keep_dims);
void add_transpose(LayerReader& reader, std::vector<std::int64_t> order);
/// Concatenation of all inputs along an axis that may be negative.
void add_concat(LayerReader& reader, std::int64_t axis);
/// Parts of input 0; a single -1 among the sizes takes what is left.
void add_split(LayerReader& reader, std::int64_t axis, std::vector<std::int64_t> sizes);
void add_squeeze(LayerReader& reader, std::vector<std::int64_t> axes);    ///< no axes: all dimensions of 1
void add_unsqueeze(LayerReader& reader, std::vector<std::int64_t> axes);  ///< positions in the result
void add_fake_quantize(LayerReader& reader);
/// Element-wise operation over all inputs from left to right; nodes between are named "<layer>/k".
void add_eltwise(LayerReader& reader, const char* operation, const std::vector<ValueId>& operands);
/// y = (x - mean[c]) / sqrt(variance[c] + epsilon) * gamma[c] + beta[c], computed in double precision.
void add_batch_norm(LayerReader& reader, ValueId x, const std::vector<float>& mean,
                    const std::vector<float>& variance, const std::vector<float>& gamma,
                    const std::vector<float>& beta, double epsilon);

}  // namespace refcalib::engine::ir
