#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace refcalib::engine {

/// Which of a network's layers with weights run in float, by their number in execution order; the others run in integers.
using FloatSet = std::vector<bool>;

inline std::size_t count_of(const FloatSet& set) {
  std::size_t count = 0;
  for (const bool in : set) count += in ? 1U : 0U;
  return count;
}

/// "0110": a key of journals.
inline std::string key_of(const FloatSet& set) {
  std::string key;
  for (const bool in : set) key += in ? '1' : '0';
  return key;
}

}  // namespace refcalib::engine
