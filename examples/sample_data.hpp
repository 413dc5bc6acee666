#pragma once

#include <cstddef>
#include <random>
#include <vector>

/// n nearly normal values (the sum of twelve uniform ones), the same on every standard library.
inline std::vector<float> sample_values(std::size_t n, unsigned seed, float deviation = 1.0F) {
  std::mt19937 engine(seed);
  std::vector<float> values(n);
  for (float& v : values) {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(engine()) / 4294967296.0;
    v = static_cast<float>(sum) * deviation;
  }
  return values;
}
