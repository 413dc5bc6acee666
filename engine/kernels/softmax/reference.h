#pragma once

#include <cmath>
#include <cstdint>

#include "engine/kernels/softmax/softmax.h"

/// The exact value, in double precision; the kernels approximate it with the errors of exp and log and of a
/// sum of n floats. Bits are compared between instruction sets instead.
namespace refcalib::engine::kernels::reference {

/// Softmax, or its logarithm, of n elements a stride apart; `output` has the same stride.
inline void softmax(const float* x, double* output, std::int64_t n, std::int64_t stride, bool logarithm) {
  double maximum = static_cast<double>(x[0]);
  for (std::int64_t k = 1; k < n; ++k) {
    maximum = std::fmax(maximum, static_cast<double>(x[k * stride]));
  }
  double sum = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    sum += std::exp(static_cast<double>(x[k * stride]) - maximum);
  }
  for (std::int64_t k = 0; k < n; ++k) {
    const double difference = static_cast<double>(x[k * stride]) - maximum;
    output[k * stride] = logarithm ? difference - std::log(sum) : std::exp(difference) / sum;
  }
}

}  // namespace refcalib::engine::kernels::reference
