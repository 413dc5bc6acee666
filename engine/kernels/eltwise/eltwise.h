#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// Binary operations on f32. max/min follow `a > b ? a : b` (b where either is NaN); pow is the C library's
/// powf.
enum class BinaryOp : std::uint8_t {
  add,           ///< a + b
  subtract,      ///< a - b
  multiply,      ///< a * b
  divide,        ///< a / b
  maximum,       ///< a > b ? a : b
  minimum,       ///< a < b ? a : b
  squared_diff,  ///< (a - b) * (a - b)
  power,         ///< a ^ b
  prelu,         ///< a < 0 ? a * b : a
};
inline constexpr int binary_op_count = 9;

/// output[i] = a[i] op b[i] over an index space of up to 8 axes; a stride of 0 broadcasts an operand along an
/// axis. Strides count elements. The innermost axis runs fastest if out_stride is 1 and a and b have strides
/// 0 or 1 there. `output` may be `a` or `b` if the strides are the same, else it may not overlap them.
struct BinaryArgs {
  static constexpr int max_rank = 8;
  const float* a = nullptr;
  const float* b = nullptr;
  float* output = nullptr;
  int rank = 0;  ///< 0..max_rank; 0 is one element
  std::int64_t dims[max_rank] = {};
  std::int64_t a_stride[max_rank] = {};
  std::int64_t b_stride[max_rank] = {};
  std::int64_t out_stride[max_rank] = {};
};

/// The same index space with axes of extent 1 left out and neighbours merged where all three operands allow
/// it.
BinaryArgs normalized(const BinaryArgs& args) noexcept;

/// Number of independent units of work: pieces of at most 1024 elements of the innermost axis.
std::int64_t work_items(const BinaryArgs& args) noexcept;

/// Unary operations on f32 with up to two parameters. exp, log, tanh, sigmoid and erf are the polynomials of
/// engine/kernels/vector_math-inl.h, which states their errors; every operation gives the same bits on every
/// instruction set (a NaN is a NaN everywhere; its sign and payload are not specified).
enum class UnaryOp : std::uint8_t {
  abs,         ///< |x|
  negate,      ///< -x
  relu,        ///< x > 0 ? x : 0
  leaky_relu,  ///< x < 0 ? x * alpha : x
  clamp,       ///< min(max(x, alpha), beta); NaN becomes alpha
  sigmoid,     ///< 1 / (1 + exp(-x))
  tanh,
  exp,
  log,
  sqrt,
  erf,
  floor,
  ceil,
  round,         ///< half to even
  elu,           ///< x < 0 ? alpha * (exp(x) - 1) : x
  swish,         ///< x * sigmoid(alpha * x)
  hswish,        ///< x * (min(max(x + 3, 0), 6) * (1/6))
  hsigmoid,      ///< min(max(x + 3, 0), 6) * (1/6)
  hard_sigmoid,  ///< min(max(x * alpha + beta, 0), 1)
  softplus,      ///< max(x, 0) + log(1 + exp(-|x|))
  mish,          ///< x * tanh(softplus(x)) = x * (m / (m + 2)) with m = e * (e + 2), e = exp(min(x, 20))
  gelu_erf,      ///< (0.5 * x) * (1 + erf(x * sqrt(1/2)))
  gelu_tanh,     ///< (0.5 * x) * (1 + tanh((x + (0.044715 * ((x * x) * x))) * sqrt(2/pi)))
  linear,        ///< x * alpha + beta, two roundings
};
inline constexpr int unary_op_count = 24;

/// output[r * out_stride + c] = op(input[r * in_stride + c]) for 0 <= r < rows, 0 <= c < channels.
/// A dense tensor is one row. `output` may be `input` if the strides are the same.
struct UnaryArgs {
  const float* input = nullptr;
  float* output = nullptr;
  std::int64_t rows = 1, channels = 0;
  std::int64_t in_stride = 0, out_stride = 0;  ///< from row to row, in elements
  float alpha = 0, beta = 0;
};

/// Number of independent units of work: pieces of at most 1024 elements of a row.
std::int64_t work_items(const UnaryArgs& args) noexcept;

/// Per-channel operations on f32 over rows of `channels` contiguous elements; units of work are rows.
///   affine:  y = x * weight[c];  y = y + bias[c]        (two roundings)
///   prelu:   y = x < 0 ? x * weight[c] : x
/// Per-channel arrays hold `channels` rounded up to a multiple of 64 readable elements.
struct ChannelArgs {
  const float* input = nullptr;
  float* output = nullptr;
  std::int64_t channels = 0;
  std::int64_t in_stride = 0, out_stride = 0;  ///< from row to row, in elements
  const float* weight = nullptr;
  const float* bias = nullptr;  ///< affine only
};

/// Quantized sum and product over [outer][rows][channels] with contiguous channels; units of work are outer *
/// rows.
///
///   ya = float(int(a) - a_zero_point) * a_scale[c];   yb likewise;   y = ya op yb;   y = min(max(y, low),
///   high) v = y * inv_scale[c];  v = min(max(v, float(0 - zero_point)), float(255 - zero_point)); output =
///   u8(round_half_even(v) + zero_point)
///
/// Strides of 0 broadcast: b_stride = 0 is one row of channels per outer index (squeeze and excitation).
/// Per-channel arrays hold `channels` rounded up to a multiple of 64 readable elements.
struct QuantizedBinaryArgs {
  const std::uint8_t* a = nullptr;
  const std::uint8_t* b = nullptr;
  std::uint8_t* output = nullptr;
  std::int64_t rows = 1, channels = 0;
  std::int64_t a_outer_stride = 0, b_outer_stride = 0, out_outer_stride = 0;
  std::int64_t a_stride = 0, b_stride = 0, out_stride = 0;  ///< from row to row, in elements
  const float* a_scale = nullptr;
  const float* b_scale = nullptr;
  std::int32_t a_zero_point = 0, b_zero_point = 0;
  float low = 0, high = 0;  ///< -inf and +inf switch the clamp off
  const float* inv_scale = nullptr;
  std::int32_t zero_point = 0;
};

/// output = table[input] over rows of `channels` contiguous elements: any function of one quantized value.
/// Units of work are rows. The same code serves every instruction set.
struct LookupArgs {
  const std::uint8_t* input = nullptr;
  std::uint8_t* output = nullptr;
  std::int64_t channels = 0;
  std::int64_t in_stride = 0, out_stride = 0;
  const std::uint8_t* table = nullptr;  ///< 256 entries
};
void lookup_u8(const LookupArgs& args, std::int64_t begin, std::int64_t end) noexcept;

/// One instruction set's element-wise kernels. Each runs the units [begin, end).
struct EltwiseKernels {
  using Binary = void (*)(const BinaryArgs&, std::int64_t begin, std::int64_t end) noexcept;
  using Unary = void (*)(const UnaryArgs&, std::int64_t begin, std::int64_t end) noexcept;
  using Channel = void (*)(const ChannelArgs&, std::int64_t begin, std::int64_t end) noexcept;
  using Quantized = void (*)(const QuantizedBinaryArgs&, std::int64_t begin, std::int64_t end) noexcept;
  const char* name;
  Isa isa;
  Binary binary[binary_op_count];  ///< indexed by BinaryOp
  Unary unary[unary_op_count];     ///< indexed by UnaryOp
  Channel affine;
  Channel prelu;
  Quantized add_u8;
  Quantized multiply_u8;

  Binary of(BinaryOp op) const noexcept { return binary[static_cast<int>(op)]; }
  Unary of(UnaryOp op) const noexcept { return unary[static_cast<int>(op)]; }
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const EltwiseKernels> eltwise_kernels() noexcept;

}  // namespace refcalib::engine::kernels
