#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/kernels/conv/conv.h"
#include "engine/kernels/conv/reference.h"
#include "tests/support/guarded_buffer.hpp"
#include "tests/support/random.hpp"

/// Convolution problems for the kernels' tests: data in guarded memory, the reference's answer, and what a
/// kernel makes of it.
namespace refcalib_test {

using refcalib::engine::kernels::ConvGeometry;
using refcalib::engine::kernels::ConvKernel;
using refcalib::engine::kernels::ConvOperands;
using refcalib::engine::kernels::Epilogue;

/// One way to finish.
struct Finish {
  const char* name;
  Epilogue::Residual residual = Epilogue::Residual::none;
  Epilogue::Output output = Epilogue::Output::f32;
  bool slope = false;
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  std::int32_t zero_point = 0;
  bool residual_in_place = false;  ///< residual == output (same type and stride)
  bool in_output_units = false;    ///< u8: no inv_scale
};

inline const std::vector<Finish>& finishes() {
  using R = Epilogue::Residual;
  using O = Epilogue::Output;
  static const std::vector<Finish> all = {
      {.name = "f32"},
      {.name = "u8, ReLU", .output = O::u8, .low = 0},
      {.name = "u8, zero point 128", .output = O::u8, .zero_point = 128},
      {.name = "u8, clamp 0..6, zero point 7", .output = O::u8, .low = 0, .high = 6, .zero_point = 7},
      {.name = "u8, clamp -0.5..0.75, zero point 255",
       .output = O::u8,
       .low = -0.5F,
       .high = 0.75F,
       .zero_point = 255},
      {.name = "f32, residual f32, ReLU", .residual = R::f32, .low = 0},
      {.name = "f32, residual f32 in place", .residual = R::f32, .high = 2, .residual_in_place = true},
      {.name = "u8, residual u8, ReLU", .residual = R::u8, .output = O::u8, .low = 0},
      {.name = "u8, residual u8 in place, zero point 3",
       .residual = R::u8,
       .output = O::u8,
       .zero_point = 3,
       .residual_in_place = true},
      {.name = "f32, residual u8, slope", .residual = R::u8, .slope = true},
      {.name = "u8, residual f32, slope, clamp",
       .residual = R::f32,
       .output = O::u8,
       .slope = true,
       .low = -1,
       .high = 1,
       .zero_point = 100},
      {.name = "f32, slope, clamp", .slope = true, .low = -0.25F, .high = 0.5F},
      {.name = "u8, in units of the output, clamp 0..200, zero point 9",
       .output = O::u8,
       .low = 0,
       .high = 200,
       .zero_point = 9,
       .in_output_units = true},
      {.name = "u8, in units of the output, residual u8",
       .residual = R::u8,
       .output = O::u8,
       .in_output_units = true},
  };
  return all;
}

inline std::size_t size(std::int64_t n) {
  return static_cast<std::size_t>(n);
}

/// Elements of a tensor whose last pixel ends with its last channel.
inline std::size_t tensor_elements(std::int64_t pixels, std::int64_t stride, std::int64_t channels) {
  return pixels == 0 ? 0 : size((pixels - 1) * stride + channels);
}

/// In: float or uint8_t; W: float or int8_t.
template <class In, class W>
class ConvProblem {
 public:
  static constexpr bool real = std::is_same_v<In, float>;

  ConvProblem(const ConvGeometry& geometry, const Finish& finish, std::uint64_t seed)
      : g(geometry),
        f(finish),
        random_(seed),
        out_bytes_(f.output == Epilogue::Output::u8 ? 1 : 4),
        residual_bytes_(f.residual == Epilogue::Residual::none ? 0
                        : f.residual == Epilogue::Residual::u8 ? 1
                                                               : 4),
        pixels_(g.batch * (g.grid.dense() ? g.out_d * g.out_h * g.out_w : g.grid.d * g.grid.h * g.grid.w)),
        input(tensor_elements(g.batch * g.in_d * g.in_h * g.in_w, g.in_pixel_stride, g.in_channels), 64),
        weights(size(g.out_channels * (g.in_channels / g.groups) * g.kernel_d * g.kernel_h * g.kernel_w)),
        residual(tensor_elements(pixels_, g.residual_pixel_stride, g.out_channels) * residual_bytes_),
        initial(tensor_elements(pixels_, g.out_pixel_stride, g.out_channels) * out_bytes_),
        expected(initial.size()),
        offset(padded_channels()),
        scale(padded_channels()),
        bias(padded_channels()),
        slope(padded_channels()),
        inv_scale(padded_channels()) {
    fill();
    answer();
  }

  ConvOperands operands(std::uint8_t* output) const {
    ConvOperands o;
    o.input = input.data();
    o.residual = residual_bytes_ == 0  ? nullptr
                 : f.residual_in_place ? output
                                       : static_cast<const void*>(residual.data());
    o.output = output;
    Epilogue& e = o.epilogue;
    e.bias = bias.data();
    if constexpr (!real) {
      e.acc_offset = offset.data();
      e.scale = scale.data();
    }
    e.residual_kind = f.residual;
    e.residual_scale = f.in_output_units ? 0.75F : 0.03F;
    e.slope = f.slope ? slope.data() : nullptr;
    e.low = f.low;
    e.high = f.high;
    e.output_kind = f.output;
    if (f.output == Epilogue::Output::u8) {
      e.inv_scale = f.in_output_units ? nullptr : inv_scale.data();
      e.zero_point = f.zero_point;
      e.saturates = refcalib::engine::kernels::saturates(e, size(g.out_channels));
    }
    return o;
  }

  /// What the kernel writes when it does the pieces between the given fractions of its work, in this order.
  GuardedBuffer<std::uint8_t> run(const ConvKernel& kernel,
                                  std::initializer_list<std::pair<double, double>> pieces) const {
    const auto aligned = [](std::size_t bytes) { return (bytes + 63) / 64 * 64; };
    GuardedBuffer<std::uint8_t> packed(aligned(kernel.packed_bytes(g)));
    kernel.pack(g, weights.data(), packed.data());
    GuardedBuffer<std::uint8_t> output(initial.size());
    std::copy(initial.begin(), initial.end(), output.begin());
    ConvOperands o = operands(output.data());
    o.packed = packed.data();
    if (kernel.bind != nullptr) kernel.bind(g, o.epilogue, packed.data());
    const std::int64_t items = kernel.work_items(g);
    for (const auto& [from, until] : pieces) {
      GuardedBuffer<std::uint8_t> scratch(aligned(kernel.scratch_bytes(g)));
      o.scratch = scratch.data();
      const auto at = [&](double x) {
        return static_cast<std::int64_t>(static_cast<double>(items) * x + 0.5);
      };
      kernel.run(g, o, at(from), at(until));
    }
    return output;
  }

  /// Input and bias get infinities, NaNs, zeros of both signs and huge values here and there.
  void add_special_values() {
    const float special[] = {std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::quiet_NaN(),
                             -0.0F,
                             1e38F,
                             -1e38F,
                             1e-42F};
    std::size_t next = 0;
    if constexpr (real) {
      for (std::size_t i = 0; i < input.size(); i += 37) input[i] = special[next++ % 7];
    }
    for (std::size_t i = 0; i < bias.size(); i += 3) bias[i] = special[next++ % 7];
    answer();
  }

  /// Other weights, weight(output channel, input channel of the group, tap), and the same activation everywhere.
  template <class F>
  void replace(const F& weight, In activation) {
    const std::size_t taps = size(g.kernel_d * g.kernel_h * g.kernel_w), in = size(g.in_channels / g.groups);
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] = static_cast<W>(weight(i / (taps * in), i / taps % in, i % taps));
    std::fill(input.begin(), input.end(), activation);
    sum_weights();
    answer();
  }

  /// Other activations: of the pixel at row y, column x, in every channel.
  template <class F>
  void replace_input(const F& activation) {
    for (std::size_t i = 0; i < input.size(); ++i) {
      const std::int64_t pixel = static_cast<std::int64_t>(i) / g.in_pixel_stride;
      input[i] = static_cast<In>(activation(pixel / g.in_w % g.in_h, pixel % g.in_w));
    }
    answer();
  }

  const ConvGeometry g;
  const Finish f;

 private:
  std::size_t padded_channels() const { return size((g.out_channels + 63) / 64 * 64); }

  void fill() {
    if constexpr (real) {
      random_.fill_real(input, -1, 1);
      random_.fill_real(weights, -0.5F, 0.5F);
    } else {
      random_.fill_integer(input, 0, 255);
      random_.fill_integer(weights, -128, 127);
      // Runs of extreme values: what saturating instructions would get wrong.
      for (std::size_t i = 0; i + 4 < weights.size(); i += 29)
        weights[i] = weights[i + 1] = i % 2 == 0 ? W{127} : W{-128};
      for (std::size_t i = 0; i + 4 < input.size(); i += 13) input[i] = input[i + 1] = 255;
    }
    if (residual_bytes_ == 4)
      fill_floats(residual);
    else
      random_.fill_integer(residual, 0, 255);
    if (out_bytes_ == 4)
      fill_floats(initial);
    else
      random_.fill_integer(initial, 0, 255);
    sum_weights();
    const std::int64_t taps = static_cast<std::int64_t>(weights.size()) / g.out_channels;
    for (std::size_t c = 0; c < size(g.out_channels); ++c) {
      scale[c] =
          random_.real(0.5F, 1.5F) / (7500.0F * static_cast<float>(std::sqrt(static_cast<double>(taps))));
      bias[c] = random_.real(-0.5F, 0.5F);
      slope[c] = random_.real(-0.5F, 0.5F);
      inv_scale[c] = random_.real(20, 60);
      if (f.in_output_units) {
        scale[c] *= inv_scale[c];
        bias[c] *= inv_scale[c];
      }
    }
  }

  void sum_weights() {
    const std::size_t taps = weights.size() / size(g.out_channels);
    for (std::size_t c = 0; c < size(g.out_channels); ++c) {
      std::int64_t sum = 0;
      if constexpr (!real) {
        for (std::size_t k = 0; k < taps; ++k) sum += weights[c * taps + k];
      }
      offset[c] = static_cast<std::int32_t>(-sum * g.in_zero_point);
    }
  }

  void fill_floats(GuardedBuffer<std::uint8_t>& bytes) {
    for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
      const float x = random_.real(-1, 1);
      std::memcpy(bytes.data() + i, &x, 4);
    }
  }

  void answer() {
    std::copy(initial.begin(), initial.end(), expected.begin());
    refcalib::engine::kernels::reference::conv<In, W>(g, operands(expected.data()), weights.data());
  }

  Random random_;
  std::size_t out_bytes_, residual_bytes_;
  std::int64_t pixels_;  ///< of the output's memory

 public:
  GuardedBuffer<In> input;
  GuardedBuffer<W> weights;
  GuardedBuffer<std::uint8_t> residual;
  GuardedBuffer<std::uint8_t> initial,
      expected;  ///< the output before and after; gaps between pixels keep their bytes
  GuardedBuffer<std::int32_t> offset;
  GuardedBuffer<float> scale, bias, slope, inv_scale;
};

/// Index of the first differing byte, or -1.
inline std::int64_t first_difference(const GuardedBuffer<std::uint8_t>& a,
                                     const GuardedBuffer<std::uint8_t>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return static_cast<std::int64_t>(i);
  }
  return -1;
}

}  // namespace refcalib_test
