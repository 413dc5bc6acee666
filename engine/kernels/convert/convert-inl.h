#pragma once

#include "engine/kernels/convert/convert.h"
#include "engine/kernels/quantize-inl.h"
#include "engine/kernels/rows-inl.h"

/// The conversions of convert.h, once for all instruction sets.
namespace refcalib::engine::kernels {

template <class Arch>
struct Convert {
  static void quantize(const ConvertArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const auto* input = static_cast<const float*>(a.input);
    auto* output = static_cast<std::uint8_t*>(a.output);
    const Quantizer<Arch> quantizer(a.zero_point);
    rows<1>(a, {a.inv_scale}, begin, end,
            [&](std::int64_t in, std::int64_t out, std::int64_t c, auto n, auto& arrays) {
              store_u8(output + out, quantizer(load(input + in, n) * load(arrays[0] + c, n)), n);
            });
  }

  static void dequantize(const ConvertArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const auto* input = static_cast<const std::uint8_t*>(a.input);
    auto* output = static_cast<float*>(a.output);
    const Dequantizer<Arch> dequantizer(a.in_zero_point);
    rows<1>(a, {a.in_scale}, begin, end,
            [&](std::int64_t in, std::int64_t out, std::int64_t c, auto n, auto& arrays) {
              store(output + out, dequantizer(load_u8(input + in, n), load(arrays[0] + c, n)), n);
            });
  }

  static void requantize(const ConvertArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const auto* input = static_cast<const std::uint8_t*>(a.input);
    auto* output = static_cast<std::uint8_t*>(a.output);
    const Dequantizer<Arch> dequantizer(a.in_zero_point);
    const Quantizer<Arch> quantizer(a.zero_point);
    rows<2>(a, {a.in_scale, a.inv_scale}, begin, end,
            [&](std::int64_t in, std::int64_t out, std::int64_t c, auto n, auto& arrays) {
              const auto y = dequantizer(load_u8(input + in, n), load(arrays[0] + c, n));
              store_u8(output + out, quantizer(y * load(arrays[1] + c, n)), n);
            });
  }

  static void widen(const ConvertArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const auto* input = static_cast<const std::uint8_t*>(a.input);
    auto* output = static_cast<float*>(a.output);
    rows<1>(a, {nullptr}, begin, end, [&](std::int64_t in, std::int64_t out, std::int64_t, auto n, auto&) {
      store(output + out, to_float(load_u8(input + in, n)), n);
    });
  }

 private:
  /// vector(input offset, output offset, channel, count, arrays) for every vector of the rows [begin, end).
  template <std::size_t N, class Vector>
  static void rows(const ConvertArgs& a, const float* const (&arrays)[N], std::int64_t begin,
                   std::int64_t end, const Vector& vector) {
    const RowView<Arch> view{a.channels, a.in_stride, a.out_stride};
    for_row_pieces<Arch>(view, arrays, begin, end,
                         [&](std::int64_t in, std::int64_t out, std::int64_t width, auto& piece_arrays) {
                           for_vectors<Arch, Floats<Arch>::size>(width, [&](std::int64_t c, auto n) {
                             vector(in + c, out + c, c, n, piece_arrays);
                           });
                         });
  }
};

template <class Arch>
constexpr ConvertKernels make_convert_kernels(const char* name, Isa isa) {
  return {name,
          isa,
          &Convert<Arch>::quantize,
          &Convert<Arch>::dequantize,
          &Convert<Arch>::requantize,
          &Convert<Arch>::widen};
}

}  // namespace refcalib::engine::kernels
