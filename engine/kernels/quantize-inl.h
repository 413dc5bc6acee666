#pragma once

#include <cstdint>

#include "engine/kernels/batch.h"

/// The quantization steps that several primitives share, as vectors. Included by instruction-set files only;
/// everything is templated on the Arch tag.
namespace refcalib::engine::kernels {

/// v -> round_half_even(min(max(v, 0 - zero_point), 255 - zero_point)) + zero_point, in 0..255.
template <class Arch>
class Quantizer {
 public:
  explicit Quantizer(std::int32_t zero_point)
      : low_(Floats<Arch>::broadcast(static_cast<float>(0 - zero_point))),
        high_(Floats<Arch>::broadcast(static_cast<float>(255 - zero_point))),
        zero_point_(Ints<Arch>::broadcast(zero_point)) {}

  Ints<Arch> operator()(Floats<Arch> v) const { return round_to_int(min(max(v, low_), high_)) + zero_point_; }

 private:
  Floats<Arch> low_, high_;
  Ints<Arch> zero_point_;
};

/// (q, scale) -> float(q - zero_point) * scale
template <class Arch>
class Dequantizer {
 public:
  explicit Dequantizer(std::int32_t zero_point) : zero_point_(Ints<Arch>::broadcast(zero_point)) {}

  Floats<Arch> operator()(Ints<Arch> q, Floats<Arch> scale) const {
    return to_float(q - zero_point_) * scale;
  }

 private:
  Ints<Arch> zero_point_;
};

}  // namespace refcalib::engine::kernels
