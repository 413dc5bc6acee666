#pragma once

#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// The first row of a kernel table (best first) that may run where `isa` is the chosen instruction set.
/// Never fails: the last row of every table is scalar.
template <class Kernels>
const Kernels& select(std::span<const Kernels> table, Isa isa) noexcept {
  for (const Kernels& row : table) {
    if (includes(isa, row.isa)) {
      return row;
    }
  }
  return table.back();
}

}  // namespace refcalib::engine::kernels
