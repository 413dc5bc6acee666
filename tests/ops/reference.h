#pragma once

#include <limits>

#include "tests/ops/network.h"

/// Plain references in double precision, in the order of the file, straight from the definitions of the
/// operations.
namespace refcalib_test {

/// Calls f(k, position) for every kernel index k whose input position (without N and C) lies inside `in`.
template <class F>
void for_each_tap(const Shape& in, const Shape& kernel, const std::vector<std::int64_t>& strides,
                  const std::vector<std::int64_t>& dilations, const std::vector<std::int64_t>& pads,
                  const Index& out, F f) {
  for_each_index(kernel, [&](const Index& k) {
    Index position(k.size());
    bool inside = true;
    for (std::size_t d = 0; d < k.size(); ++d) {
      position[d] = out[d + 2] * strides[d] - pads[d] + k[d] * dilations[d];
      inside = inside && position[d] >= 0 && position[d] < in[d + 2];
    }
    if (inside) f(k, position);
  });
}

/// Convolution of x [N, C, …] with weights [groups, OC/groups, C/groups, kernel…].
inline Tensor convolve(const Tensor& x, const Tensor& w, const std::vector<float>& bias,
                       const ConvolutionAttributes& a) {
  const Shape kernel(w.shape.begin() + 3, w.shape.end());
  Shape out{x.shape[0], w.shape[0] * w.shape[1]};
  for (std::size_t d = 0; d < kernel.size(); ++d)
    out.push_back(
        (x.shape[d + 2] + a.pads_begin[d] + a.pads_end[d] - ((kernel[d] - 1) * a.dilations[d] + 1)) /
            a.strides[d] +
        1);
  return generate(out, [&](const Index& at) {
    const std::int64_t group = at[1] / w.shape[1];
    double sum = bias.empty() ? 0.0 : static_cast<double>(bias[static_cast<std::size_t>(at[1])]);
    for_each_tap(x.shape, kernel, a.strides, a.dilations, a.pads_begin, at,
                 [&](const Index& k, const Index& position) {
                   for (std::int64_t c = 0; c < w.shape[2]; ++c) {
                     Index from{at[0], group * w.shape[2] + c}, weight{group, at[1] % w.shape[1], c};
                     from.insert(from.end(), position.begin(), position.end());
                     weight.insert(weight.end(), k.begin(), k.end());
                     sum += static_cast<double>(value_at(x, from)) * static_cast<double>(value_at(w, weight));
                   }
                 });
    return sum;
  });
}

/// Sizes of a transposed convolution of x [N, C, …] with weights [groups, C/groups, OC/groups, kernel…].
inline Shape deconvolved_shape(const Shape& x, const Shape& w, const ConvolutionAttributes& a) {
  Shape out{x[0], w[0] * w[2]};
  for (std::size_t d = 0; d + 2 < x.size(); ++d)
    out.push_back((x[d + 2] - 1) * a.strides[d] + (w[d + 3] - 1) * a.dilations[d] + 1 - a.pads_begin[d] -
                  a.pads_end[d]);
  return out;
}

/// Calls f(input position, kernel index) for the inputs that reach the output `out` of a transposed convolution, in ascending order.
template <class F>
void for_each_source(const Shape& in, const Shape& weights, const ConvolutionAttributes& a, const Index& out,
                     F f) {
  for_each_index(Shape(in.begin() + 2, in.end()), [&](const Index& position) {
    Index k(position.size());
    for (std::size_t d = 0; d < k.size(); ++d) {
      const std::int64_t distance = out[d + 2] + a.pads_begin[d] - position[d] * a.strides[d];
      k[d] = distance / a.dilations[d];
      if (distance < 0 || distance % a.dilations[d] != 0 || k[d] >= weights[d + 3]) return;
    }
    f(position, std::as_const(k));
  });
}

/// Transposed convolution; `Sum` is double, or float for one chain of fused multiply-adds in the order that the engine prescribes.
template <class Sum>
Tensor deconvolve(const Tensor& x, const Tensor& w, const std::vector<float>& bias,
                  const ConvolutionAttributes& a) {
  return generate(deconvolved_shape(x.shape, w.shape, a), [&](const Index& at) {
    const std::int64_t group = at[1] / w.shape[2];
    Sum sum = bias.empty() ? 0.0F : bias[static_cast<std::size_t>(at[1])];
    for_each_source(x.shape, w.shape, a, at, [&](const Index& position, const Index& k) {
      for (std::int64_t c = 0; c < w.shape[1]; ++c) {
        Index from{at[0], group * w.shape[1] + c}, weight{group, c, at[1] % w.shape[2]};
        from.insert(from.end(), position.begin(), position.end());
        weight.insert(weight.end(), k.begin(), k.end());
        sum = std::fma(static_cast<Sum>(value_at(x, from)), static_cast<Sum>(value_at(w, weight)), sum);
      }
    });
    return sum;
  });
}

/// Pooling to a given output shape; `divisor(count of taps inside, output index)` is what an average divides by.
template <class F>
Tensor pool(const Tensor& x, const Shape& out, const PoolingAttributes& a, F divisor) {
  return generate(out, [&](const Index& at) {
    double sum = 0, largest = -std::numeric_limits<double>::infinity();
    std::int64_t inside = 0;
    for_each_tap(x.shape, a.kernel, a.strides, a.dilations, a.pads_begin, at,
                 [&](const Index&, const Index& position) {
                   Index from{at[0], at[1]};
                   from.insert(from.end(), position.begin(), position.end());
                   const auto v = static_cast<double>(value_at(x, from));
                   sum += v;
                   largest = std::max(largest, v);
                   ++inside;
                 });
    return a.method == "max" ? largest : sum / static_cast<double>(divisor(inside, at));
  });
}

/// C = A x B for A [M, K] and B [K, N].
inline Tensor multiply(const Tensor& a, const Tensor& b) {
  return generate({a.shape[0], b.shape[1]}, [&](const Index& at) {
    double sum = 0;
    for (std::int64_t k = 0; k < a.shape[1]; ++k)
      sum += static_cast<double>(value_at(a, {at[0], k})) * static_cast<double>(value_at(b, {k, at[1]}));
    return sum;
  });
}

inline Tensor transposed(const Tensor& t, const std::vector<std::int64_t>& order) {
  Shape shape;
  for (const std::int64_t axis : order) shape.push_back(t.shape[static_cast<std::size_t>(axis)]);
  return generate(shape, [&](const Index& at) {
    Index from(at.size());
    for (std::size_t d = 0; d < at.size(); ++d) from[static_cast<std::size_t>(order[d])] = at[d];
    return value_at(t, from);
  });
}

/// Integer arithmetic of the engine, one value at a time.
struct Scale {
  std::vector<float> scale{1.0F};
  int zero_point = 0;

  float of(std::size_t channel) const { return scale[scale.size() == 1 ? 0 : channel]; }
  int quantize(float x, std::size_t channel = 0) const { return quantize_steps(x * (1.0F / of(channel))); }
  /// Of a value that is counted in steps of the scale.
  int quantize_steps(float v) const {
    const float bounded =
        std::min(std::max(v, static_cast<float>(-zero_point)), static_cast<float>(255 - zero_point));
    return static_cast<int>(std::nearbyint(bounded)) + zero_point;
  }
  float dequantize(int q, std::size_t channel = 0) const {
    return static_cast<float>(q - zero_point) * of(channel);
  }
  /// The value that survives storage in u8.
  float stored(float x, std::size_t channel = 0) const { return dequantize(quantize(x, channel), channel); }
  float stored_steps(float v) const { return dequantize(quantize_steps(v)); }
  /// What takes the zero point out of a fused residual: the bias without it.
  float without_zero(float bias) const {
    return static_cast<float>(bias - static_cast<double>(zero_point) * static_cast<double>(of(0)));
  }
};

/// An exact sum of products with its scale and bias, counted in steps of `step` (docs/int8-arithmetic.md).
inline float scaled_sum(std::int64_t sum, float scale, float bias, float step = 1) {
  return std::fma(static_cast<float>(sum), scale / step, bias / step);
}

}  // namespace refcalib_test
