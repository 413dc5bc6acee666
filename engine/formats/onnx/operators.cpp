#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

constexpr OperatorFamily kFamilies[] = {
    convolution_operators,  pooling_operators,       activation_operators, eltwise_operators,
    reduction_operators,    normalization_operators, movement_operators,   rearrangement_operators,
    resize_operators,       indexing_operators,      constant_operators,   detection_operators,
    quantization_operators, qlinear_operators};

}  // namespace

std::span<const OperatorFamily> operator_families() noexcept {
  return kFamilies;
}

const Operator* find_operator(std::string_view domain, std::string_view type, int opset) noexcept {
  if (domain == "ai.onnx") domain = {};
  for (const OperatorFamily family : kFamilies)
    for (const Operator& entry : family())
      if (entry.type == type && entry.domain == domain && opset >= entry.since && opset <= entry.last)
        return &entry;
  return nullptr;
}

}  // namespace refcalib::engine::onnx
