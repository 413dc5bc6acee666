#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

namespace refcalib_bench {

/// Normally distributed values, mean 0, deviation 1; relu clips the negative half to zero.
inline std::vector<float> normal_values(std::size_t n, bool relu = false) {
  std::mt19937 engine(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = relu ? std::max(0.0F, normal(engine)) : normal(engine);
  return values;
}

}  // namespace refcalib_bench
