#pragma once

#include <span>
#include <vector>

#include "engine/cpu/isa.h"

namespace refcalib_test {

/// The rows of a kernel table that this processor can run. The scalar row is always among them.
template <class Kernels>
std::vector<Kernels> runnable(std::span<const Kernels> table) {
  std::vector<Kernels> rows;
  for (const Kernels& row : table) {
    if (refcalib::engine::is_available(row.isa)) {
      rows.push_back(row);
    }
  }
  return rows;
}

}  // namespace refcalib_test
