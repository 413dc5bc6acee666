#pragma once

#include <cmath>
#include <cstdint>

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/reference_math.h"

/// Normative: the binary, per-channel and quantized kernels of eltwise.h give these results bit for bit. For
/// the unary operations this is the exact value, which the kernels approximate with the errors stated in
/// vector_math-inl.h.
namespace refcalib::engine::kernels::reference {

inline float binary(BinaryOp op, float a, float b) {
  switch (op) {
    case BinaryOp::add:
      return a + b;
    case BinaryOp::subtract:
      return a - b;
    case BinaryOp::multiply:
      return a * b;
    case BinaryOp::divide:
      return a / b;
    case BinaryOp::maximum:
      return max(a, b);
    case BinaryOp::minimum:
      return min(a, b);
    case BinaryOp::squared_diff:
      return (a - b) * (a - b);
    case BinaryOp::power:
      return std::pow(a, b);
    case BinaryOp::prelu:
      break;
  }
  return a < 0 ? a * b : a;
}

/// Over the index space of `args` from axis `axis` on, the operands being at these offsets.
inline void binary(BinaryOp op, const BinaryArgs& args, int axis = 0, std::int64_t a = 0, std::int64_t b = 0,
                   std::int64_t out = 0) {
  if (axis == args.rank) {
    args.output[out] = binary(op, args.a[a], args.b[b]);
    return;
  }
  for (std::int64_t i = 0; i < args.dims[axis]; ++i) {
    binary(op, args, axis + 1, a + i * args.a_stride[axis], b + i * args.b_stride[axis],
           out + i * args.out_stride[axis]);
  }
}

inline double unary(UnaryOp op, double x, double alpha, double beta) {
  const auto ramp = [](double v, double high) { return std::fmin(std::fmax(v, 0.0), high); };
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  const auto softplus = [](double v) { return std::fmax(v, 0.0) + std::log1p(std::exp(-std::fabs(v))); };
  switch (op) {
    case UnaryOp::abs:
      return std::fabs(x);
    case UnaryOp::negate:
      return -x;
    case UnaryOp::relu:
      return std::fmax(x, 0.0);
    case UnaryOp::leaky_relu:
      return x < 0 ? x * alpha : x;
    case UnaryOp::clamp:
      return std::fmin(std::fmax(x, alpha), beta);
    case UnaryOp::sigmoid:
      return sigmoid(x);
    case UnaryOp::tanh:
      return std::tanh(x);
    case UnaryOp::exp:
      return std::exp(x);
    case UnaryOp::log:
      return std::log(x);
    case UnaryOp::sqrt:
      return std::sqrt(x);
    case UnaryOp::erf:
      return std::erf(x);
    case UnaryOp::floor:
      return std::floor(x);
    case UnaryOp::ceil:
      return std::ceil(x);
    case UnaryOp::round:
      return std::nearbyint(x);
    case UnaryOp::elu:
      return x < 0 ? alpha * std::expm1(x) : x;
    case UnaryOp::swish:
      return x * sigmoid(alpha * x);
    case UnaryOp::hswish:
      return x * ramp(x + 3, 6) / 6;
    case UnaryOp::hsigmoid:
      return ramp(x + 3, 6) / 6;
    case UnaryOp::hard_sigmoid:
      return ramp(x * alpha + beta, 1);
    case UnaryOp::softplus:
      return softplus(x);
    case UnaryOp::mish:
      return x * std::tanh(softplus(x));
    case UnaryOp::gelu_erf:
      return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    case UnaryOp::linear:
      return x * alpha + beta;
    case UnaryOp::gelu_tanh:
      break;
  }
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

inline void affine(const ChannelArgs& a, std::int64_t rows) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < a.channels; ++c) {
      const float product = a.input[r * a.in_stride + c] * a.weight[c];
      a.output[r * a.out_stride + c] = product + a.bias[c];
    }
  }
}

inline void prelu(const ChannelArgs& a, std::int64_t rows) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < a.channels; ++c) {
      a.output[r * a.out_stride + c] = binary(BinaryOp::prelu, a.input[r * a.in_stride + c], a.weight[c]);
    }
  }
}

/// `op` is add or multiply.
inline void quantized(BinaryOp op, const QuantizedBinaryArgs& q, std::int64_t outer) {
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t r = 0; r < q.rows; ++r) {
      for (std::int64_t c = 0; c < q.channels; ++c) {
        const float a =
            dequantize(q.a[o * q.a_outer_stride + r * q.a_stride + c], q.a_scale[c], q.a_zero_point);
        const float b =
            dequantize(q.b[o * q.b_outer_stride + r * q.b_stride + c], q.b_scale[c], q.b_zero_point);
        const float y = min(max(binary(op, a, b), q.low), q.high);
        q.output[o * q.out_outer_stride + r * q.out_stride + c] = quantize(y, q.inv_scale[c], q.zero_point);
      }
    }
  }
}

}  // namespace refcalib::engine::kernels::reference
