#pragma once

#include <cstdint>

#include "engine/kernels/pool/pool.h"

namespace refcalib::engine::kernels {

/// Channels of one unit of work: enough for the vectors that are walked together, few enough that a global
/// average can be shared between threads.
inline constexpr std::int64_t pool_channel_block = 256;

/// One row of the output, one block of channels.
struct PoolUnit {
  std::int64_t n, z, y;
  std::int64_t first_channel, last_channel;
};

/// Compiled once for the baseline instruction set, so that kernel files leave no copy of their own.
PoolUnit pool_unit(const PoolGeometry& geometry, std::int64_t unit) noexcept;

}  // namespace refcalib::engine::kernels
