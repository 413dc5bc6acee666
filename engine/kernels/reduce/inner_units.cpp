#include "engine/kernels/inner_units.h"

#include <algorithm>

namespace refcalib::engine::kernels {
namespace {

// Columns of a unit: whole vectors of every instruction set, and few enough that work over one picture can be
// shared.
constexpr std::int64_t block = 64;

constexpr std::int64_t blocks_of(std::int64_t inner) noexcept {
  return (inner + block - 1) / block;
}

}  // namespace

std::int64_t inner_units(std::int64_t outer, std::int64_t inner) noexcept {
  return outer * blocks_of(inner);
}

InnerUnit inner_unit(std::int64_t inner, std::int64_t unit) noexcept {
  const std::int64_t blocks = blocks_of(inner);
  const std::int64_t first = unit % blocks * block;
  return {unit / blocks, first, std::min(inner, first + block)};
}

}  // namespace refcalib::engine::kernels
