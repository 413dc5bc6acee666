#pragma once

#include <cstdint>

#include "engine/kernels/convert/convert.h"
#include "engine/kernels/reference_math.h"

/// Normative: every kernel of convert.h gives these results bit for bit.
namespace refcalib::engine::kernels::reference {

template <class In, class Out, class F>
void convert_rows(const ConvertArgs& a, std::int64_t rows, F f) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < a.channels; ++c) {
      static_cast<Out*>(a.output)[r * a.out_stride + c] =
          f(static_cast<const In*>(a.input)[r * a.in_stride + c], c);
    }
  }
}

inline void quantize(const ConvertArgs& a, std::int64_t rows) {
  convert_rows<float, std::uint8_t>(
      a, rows, [&a](float x, std::int64_t c) { return quantize(x, a.inv_scale[c], a.zero_point); });
}

inline void dequantize(const ConvertArgs& a, std::int64_t rows) {
  convert_rows<std::uint8_t, float>(a, rows, [&a](std::uint8_t q, std::int64_t c) {
    return dequantize(q, a.in_scale[c], a.in_zero_point);
  });
}

inline void requantize(const ConvertArgs& a, std::int64_t rows) {
  convert_rows<std::uint8_t, std::uint8_t>(a, rows, [&a](std::uint8_t q, std::int64_t c) {
    return quantize(dequantize(q, a.in_scale[c], a.in_zero_point), a.inv_scale[c], a.zero_point);
  });
}

inline void widen(const ConvertArgs& a, std::int64_t rows) {
  convert_rows<std::uint8_t, float>(a, rows,
                                    [](std::uint8_t q, std::int64_t) { return static_cast<float>(q); });
}

}  // namespace refcalib::engine::kernels::reference
