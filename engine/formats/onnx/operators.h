#pragma once

#include <span>
#include <string_view>

#include "engine/formats/onnx/node_reader.h"

namespace refcalib::engine::onnx {

/// What becomes of quantized numbers that a node reads.
enum class OnIntegers : std::uint8_t {
  refused,  ///< the operator computes; nothing says how on integers
  kept,     ///< values are moved or chosen: what is given has the quantization of input 0
  read      ///< the translation deals with it
};

/// The newest meaning still holds.
inline constexpr int kNewest = 1000;
/// Domain of the operators that ONNX Runtime adds for quantized models.
inline constexpr std::string_view kRuntimeDomain = "com.microsoft";

/// An operator between two versions of the operator set.
struct Operator {
  std::string_view type;
  int since, last;
  void (*read)(NodeReader&);
  OnIntegers integers = OnIntegers::refused;
  std::string_view domain = {};  ///< empty: the standard's own
};

/// Families of operators. A new operator is one function and one line in its family's table.
std::span<const Operator> activation_operators() noexcept;
std::span<const Operator> eltwise_operators() noexcept;
std::span<const Operator> convolution_operators() noexcept;
std::span<const Operator> pooling_operators() noexcept;
std::span<const Operator> reduction_operators() noexcept;
std::span<const Operator> normalization_operators() noexcept;
std::span<const Operator> movement_operators() noexcept;
std::span<const Operator> rearrangement_operators() noexcept;
std::span<const Operator> constant_operators() noexcept;
std::span<const Operator> indexing_operators() noexcept;
std::span<const Operator> resize_operators() noexcept;
std::span<const Operator> detection_operators() noexcept;
std::span<const Operator> quantization_operators() noexcept;
std::span<const Operator> qlinear_operators() noexcept;

using OperatorFamily = std::span<const Operator> (*)() noexcept;
/// All families.
std::span<const OperatorFamily> operator_families() noexcept;
/// The meaning of an operator in a version of its set; nullptr if there is none.
const Operator* find_operator(std::string_view domain, std::string_view type, int opset) noexcept;

}  // namespace refcalib::engine::onnx
