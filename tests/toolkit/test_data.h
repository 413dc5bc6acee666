#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <refcalib/types.hpp>
#include <vector>

namespace refcalib_test {

/// Lengths around the lane and block sizes of every instruction set.
inline const std::vector<std::size_t> kLengths{0,  1,  3,  4,  5,  7,  8,  9,   15,
                                               16, 17, 31, 33, 63, 64, 65, 129, 1000};

inline const std::vector<refcalib::Levels> kAllLevels = [] {
  std::vector<refcalib::Levels> all;
  for (int bits = 2; bits <= 16; ++bits) {
    for (const auto sign : {refcalib::Signedness::is_signed, refcalib::Signedness::is_unsigned}) {
      for (const auto kind : {refcalib::RangeKind::full, refcalib::RangeKind::narrow}) {
        all.push_back(refcalib::levels(bits, sign, kind));
      }
    }
  }
  return all;
}();

inline std::vector<float> normal_values(std::size_t n, unsigned seed, float deviation = 1.0F) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  std::vector<float> values(n);
  for (float& v : values) v = normal(engine);
  return values;
}

inline std::vector<float> relu(std::vector<float> values) {
  for (float& v : values) v = v > 0.0F ? v : 0.0F;
  return values;
}

/// Zeros, denormals, ties, huge values, infinities and NaN, then n normal values.
inline std::vector<float> awkward_values(std::size_t n, unsigned seed) {
  using Limits = std::numeric_limits<float>;
  std::vector<float> values{0.0F,
                            -0.0F,
                            Limits::denorm_min(),
                            -Limits::denorm_min(),
                            Limits::min(),
                            Limits::max(),
                            Limits::lowest(),
                            Limits::infinity(),
                            -Limits::infinity(),
                            Limits::quiet_NaN(),
                            -Limits::quiet_NaN()};
  for (int k = -20; k <= 20; ++k) values.push_back(0.25F * static_cast<float>(k));
  for (const float v : normal_values(n, seed, 3.0F)) values.push_back(v);
  return values;
}

inline bool same_bits(float a, float b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

}  // namespace refcalib_test
