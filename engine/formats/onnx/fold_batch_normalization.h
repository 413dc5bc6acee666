#pragma once

#include "engine/formats/onnx/onnx.pb.h"
#include "engine/formats/onnx/tensor.h"

namespace refcalib::engine::onnx {

/// Folds every BatchNormalization for inference whose input is a Conv or ConvTranspose that nothing else reads, both with
/// constant parameters, into weights and bias of that node, which then gives the normalization's output. Computed in double precision.
/// Nodes that do not fit are left as they are.
void fold_batch_normalization(proto::ModelProto& model, TensorReader& constants);

}  // namespace refcalib::engine::onnx
