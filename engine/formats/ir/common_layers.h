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
/// A Reshape to the dimensions of input 1; `special_zero` counts if the attribute is absent.
void add_reshape_to_input(LayerReader& reader, bool special_zero);
/// y = x * scale[c] + shift[c]; both vectors have one or C elements.
void add_channel_affine(LayerReader& reader, ValueId x, std::vector<float> scale, std::vector<float> shift);
/// PRelu with a constant slope of 1 or C elements.
void add_prelu(LayerReader& reader, const Constant& slope);
/// PRelu with the slope of input 1: one for all, per channel (a vector of C, or what broadcasts to that), or any
/// shape that broadcasts to the data, constant or not.
void add_general_prelu(LayerReader& reader);
void add_softmax(LayerReader& reader, std::int64_t axis, bool log);
/// Reduction over the constant axes of input 1; also `log_sum_exp`.
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
/// Comparison and other truth values in the type of the first operand, as old files have them.
void add_legacy_truth(LayerReader& reader, const char* operation, const std::vector<ValueId>& operands);
void add_normalize(LayerReader& reader, const char* method, std::vector<std::int64_t> axes, double eps);
/// Mean and variance normalization over the spatial dimensions, and the channels if `across_channels`.
void add_spatial_mvn(LayerReader& reader, bool across_channels, bool normalize_variance, double eps);
void add_lrn(LayerReader& reader, std::vector<std::int64_t> axes, double alpha, double beta, double bias,
             std::int64_t size);
/// alpha * op(A) op(B) + beta * C; C is optional.
void add_gemm(LayerReader& reader);
/// Values and positions of the k largest or smallest elements; the attributes `mode` and `sort` of the layer.
void add_top_k(LayerReader& reader, const char* default_sort, std::string index_type);
/// The dimensions from `first` on.
std::vector<std::int64_t> axes_from(std::int64_t first, std::size_t rank);
/// y = (x - mean[c]) / sqrt(variance[c] + epsilon) * gamma[c] + beta[c], computed in double precision.
void add_batch_norm(LayerReader& reader, ValueId x, const std::vector<float>& mean,
                    const std::vector<float>& variance, const std::vector<float>& gamma,
                    const std::vector<float>& beta, double epsilon);

}  // namespace refcalib::engine::ir
