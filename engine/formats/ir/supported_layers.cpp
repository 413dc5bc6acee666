#include <array>

#include "engine/formats/ir/supported_operations.h"

namespace refcalib::engine::ir {
namespace {

constexpr std::string_view kFused = "fused into a weighted layer or an addition in front";
constexpr std::string_view kNo = "no";

// {legacy types, opset operations, operations that they become, conditions for integers, notes}
constexpr auto kLayers = std::to_array<SupportedLayer>({
    // Values of the network.
    {"Input", "Parameter", "", "",
     "floats; i32, i64, u32, u64 inputs keep their type; dynamic shapes need --shape"},
    {"Const", "Const", "", "", "i8 weights keep the scales that the file states"},
    {"", "Result", ""},
    {"Copy, Dropout", "Identity", "Reshape"},
    {"", "ReadValue, Assign", "Reshape", "", "every run begins with the initial value"},
    {"Convert", "Convert, ConvertLike, ConvertPromoteTypes", "Convert"},
    {"Quantize, FakeQuantize", "FakeQuantize", "FakeQuantize", "becomes the scales of its value",
     "in float where integers cannot express it"},
    {"", "FakeConvert", "Eltwise, Activation", kNo, "scale and shift per tensor or of any shape"},

    // Layers with weights.
    {"Convolution", "Convolution, GroupConvolution", "Convolution", "", "1 to 3 spatial dimensions"},
    {"Deconvolution", "ConvolutionBackpropData, GroupConvolutionBackpropData", "Deconvolution", "",
     "1 to 3 spatial dimensions"},
    {"FullyConnected, InnerProduct", "", "MatMul"},
    {"Gemm, MatMul", "MatMul", "MatMul, Eltwise", "if the second operand is one constant matrix",
     "products of integers are refused"},
    {"", "ScaledDotProductAttention", "MatMul", kNo, "a product of computed matrices"},

    // Scales per channel and normalization.
    {"ScaleShift", "", "ChannelAffine", "behind another layer", "folded into a convolution in front"},
    {"BatchNormalization", "BatchNormInference", "ChannelAffine, Eltwise", "behind another layer",
     "folded into a convolution in front"},
    {"Norm, LRN", "LRN", "Lrn"},
    {"MVN", "MVN", "Normalize"},
    {"Normalize", "", "Normalize, ChannelAffine"},
    {"GRN", "GRN, NormalizeL2", "Normalize"},
    {"", "GroupNormalization", "Normalize, Eltwise"},
    {"SoftMax, LogSoftmax", "SoftMax, LogSoftmax", "Softmax"},

    // Activations.
    {"ReLU, ReLU6, Clamp, Bounded_ReLU", "ReLU, Clamp", "Activation", "", kFused},
    {"PReLU", "PReLU", "PRelu, Eltwise", "a slope for all or per channel",
     "fused into a weighted layer or an addition in front; slope of any shape that broadcasts"},
    {"Activation (type)", "", "Activation", "", "the type names one of these functions, or SoftMax"},
    {"ELU", "Elu", "Activation"},
    {"Sigmoid, Logistic", "Sigmoid", "Activation"},
    {"TanH", "Tanh", "Activation"},
    {"HardSigmoid", "HardSigmoid", "Activation"},
    {"HSigmoid, HSwish, Swish, Mish, Gelu", "HSigmoid, HSwish, Mish, Gelu", "Activation"},
    {"", "Swish", "Activation, Eltwise", "if the factor is constant"},
    {"SoftPlus, Soft_ReLU, SoftSign, Selu", "SoftPlus, SoftSign, Selu", "Activation"},
    {"Linear", "", "Activation"},
    {"Square, Reciprocal", "", "Activation"},
    {"Power", "", "ChannelAffine, Activation", "by table where it is no plain scale and shift"},
    {"Exp, Log, Sqrt, Abs, Neg, Sign, Erf", "Exp, Log, Sqrt, Abs, Negative, Sign, Erf", "Activation"},
    {"Floor, Ceil, Ceiling", "Floor, Ceiling, Round", "Activation"},
    {"Sin, Cos, Tan, Asin, Acos, Atan", "Sin, Cos, Tan, Asin, Acos, Atan", "Activation"},
    {"Sinh, Cosh, Asinh, Acosh, Atanh", "Sinh, Cosh, Asinh, Acosh, Atanh", "Activation"},
    {"", "IsNaN, IsFinite, IsInf", "Activation", kNo, "gives booleans"},
    {"Not, Logical_Not", "LogicalNot", "Activation", "if of floats"},
    {"", "BitwiseNot", "Activation", kNo, "floats are refused"},

    // Element-wise with several operands.
    {"Eltwise (sum)", "Add", "Eltwise", "one operand may broadcast to the other",
     "fused into a convolution in front, constants as its bias"},
    {"Eltwise (mul, prod)", "Multiply", "Eltwise", "one operand may broadcast to the other",
     "constants per channel are folded into a convolution in front"},
    {"Eltwise (sub, div, max, min)", "Subtract, Divide, Maximum, Minimum", "Eltwise", kNo},
    {"Eltwise (pow, squared_diff, floor_mod)", "SquaredDifference, Mod, FloorMod", "Eltwise", kNo},
    {"", "Power", "Eltwise, Activation", "if the exponent is 2 or 3", "exponents 0.5 and -1 by table"},
    {"Eltwise (mean)", "", "Eltwise", kNo},
    {"Eltwise (equal, not_equal, less, less_equal, greater, greater_equal)",
     "Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual", "Eltwise", kNo},
    {"Eltwise (logical_and, logical_or, logical_xor, logical_not)", "LogicalAnd, LogicalOr, LogicalXor",
     "Eltwise", kNo},
    {"", "BitwiseAnd, BitwiseOr, BitwiseXor", "Eltwise", kNo, "floats are refused"},
    {"Select", "Select", "Select"},

    // Pooling, reduction, sorting.
    {"Pooling", "MaxPool, AvgPool", "Pooling, PoolingIndices", "", "negative padding is refused"},
    {"", "AdaptiveAvgPool, AdaptiveMaxPool", "Pooling, PoolingIndices"},
    {"ReduceMean, ReduceMax", "ReduceMean, ReduceMax", "Reduce", "means; over all of space as pooling",
     "constant axes"},
    {"ReduceSum, ReduceMin, ReduceProd, ReduceL1, ReduceL2",
     "ReduceSum, ReduceMin, ReduceProd, ReduceL1, ReduceL2", "Reduce", kNo, "constant axes"},
    {"ReduceLogSum, ReduceSumSquare, ReduceAnd, ReduceOr", "ReduceLogicalAnd, ReduceLogicalOr", "Reduce", kNo,
     "constant axes"},
    {"ReduceLogSumExp", "", "Reduce, Eltwise", kNo, "constant axes"},
    {"TopK", "TopK", "TopK", "", "constant k"},
    {"ArgMax", "", "TopK"},
    {"CumSum", "CumSum", "CumSum", "", "constant axis"},

    // Moving values.
    {"Concat", "Concat", "Concat"},
    {"Split, Slice", "Split, VariadicSplit", "Split"},
    {"Reshape, Flatten, Squeeze, Unsqueeze", "Reshape, Squeeze, Unsqueeze", "Reshape", "", "constant target"},
    {"Permute", "Transpose", "Transpose", "", "constant order"},
    {"StridedSlice, Crop", "StridedSlice, Slice, Reverse", "StridedSlice", "", "constant bounds"},
    {"Pad", "Pad", "Pad", "unless the value is not 0", "constant widths"},
    {"Tile", "Tile", "Tile", "", "constant repeats"},
    {"Broadcast, Fill", "Broadcast", "Broadcast", "", "constant target"},
    {"DepthToSpace, SpaceToDepth, ShuffleChannels, ReorgYolo",
     "DepthToSpace, SpaceToDepth, ShuffleChannels, ReorgYolo", "BlockPermute, Reshape"},
    {"", "BatchToSpace, SpaceToBatch", "BlockPermute, StridedSlice", "", "constant blocks and margins"},
    {"", "ExtractImagePatches", "StridedSlice, Concat", "", "at most 1024 elements to a patch"},
    {"ReverseSequence", "ReverseSequence", "ReverseSequence"},
    {"", "Roll", "Roll", "", "constant shifts"},
    {"Interp, Resample (linear)", "Interpolate", "Resize, ResizeNearest, Reshape, Transpose", "",
     "nearest moves values; at most 3 dimensions change otherwise"},
    {"Resample (nearest), UpSampling", "", "ResizeNearest, Reshape"},

    // Indices.
    {"Gather", "Gather, GatherElements, GatherND", "Gather, GatherElements, GatherND"},
    {"ScatterUpdate", "ScatterUpdate, ScatterElementsUpdate, ScatterNDUpdate",
     "ScatterUpdate, ScatterElementsUpdate, ScatterNDUpdate"},
    {"", "EmbeddingBagPackedSum, EmbeddingBagOffsetsSum, EmbeddingSegmentsSum", "EmbeddingBag", "",
     "constant number of segments and default row"},
    {"", "EmbeddingBagPacked, EmbeddingBagOffsets", "EmbeddingBag", "", "sum or mean"},
    {"OneHot", "OneHot", "OneHot", "", "constant depth"},
    {"NonZero", "NonZero", "NonZero, Convert"},
    {"", "Eye", "", "", "constant inputs"},
    {"Shape, ShapeOf", "ShapeOf", "ShapeOf, Convert"},
    {"Range", "Range", "Range"},

    // Detection.
    {"PriorBox", "PriorBox", "PriorBox"},
    {"PriorBoxClustered", "PriorBoxClustered", "PriorBoxClustered"},
    {"DetectionOutput", "DetectionOutput", "DetectionOutput"},
    {"NonMaxSuppression", "NonMaxSuppression", "NonMaxSuppression", "", "constant limits"},
    {"", "MatrixNms, MulticlassNms", "MatrixNms, MulticlassNms", "",
     "rows for all that can be chosen; unused ones are -1"},
    {"RegionYolo", "RegionYolo", "RegionYolo"},
    {"Proposal, SimplerNMS", "Proposal", "Proposal"},
    {"ROIPooling", "ROIPooling", "RoiPooling"},
    {"PSROIPooling", "PSROIPooling", "PsRoiPooling", "", "deformable pooling is refused"},
    {"", "ROIAlign", "RoiAlign"},
});

}  // namespace

std::span<const SupportedLayer> supported_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
