#pragma once

#include <cstddef>
#include <span>

namespace refcalib_bench {

/// A plain stream of bytes: what a loop that reads and writes in this proportion could reach at best.
struct Stream {
  std::size_t reads, writes;  ///< each unit reads 256 * reads bytes and writes 256 * writes
  void (*run)(const std::byte* in, std::byte* out, std::size_t units) noexcept;

  double bytes(std::size_t units) const { return 256.0 * static_cast<double>((reads + writes) * units); }
};

/// Streams of several proportions, compiled for the widest registers that this processor has.
std::span<const Stream> streams();

/// The stream whose proportion is nearest to that of a loop.
const Stream& nearest_stream(double read_bytes, double written_bytes);

}  // namespace refcalib_bench
