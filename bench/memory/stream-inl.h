#pragma once

// The streams of one instruction set; REFCALIB_STREAMS names the table that this file defines.

#include <cstdint>
#include <cstring>

#include "bench/memory/stream.h"

namespace refcalib_bench {
namespace {

/// Vectors of 64 bytes, which compilers split where registers are shorter.
using Vector = std::int32_t __attribute__((vector_size(64)));

template <std::size_t Reads, std::size_t Writes>
void stream(const std::byte* in, std::byte* out, std::size_t units) noexcept {
  Vector seen[4] = {};
  for (std::size_t u = 0; u < units; ++u) {
    for (std::size_t i = 0; i < 4; ++i) {
      Vector v = {};
      for (std::size_t r = 0; r < Reads; ++r) {
        Vector next;
        std::memcpy(&next, in + r * 64, sizeof next);
        v |= next;
      }
      in += Reads * 64;
      for (std::size_t w = 0; w < Writes; ++w) std::memcpy(out + w * 64, &v, 64);
      out += Writes * 64;
      if constexpr (Writes == 0) seen[i] |= v;
    }
  }
  if constexpr (Writes == 0) {
    const Vector all = (seen[0] | seen[1]) | (seen[2] | seen[3]);
    std::memcpy(out, &all, sizeof all);
  }
}

}  // namespace

extern const Stream REFCALIB_STREAMS[5];
const Stream REFCALIB_STREAMS[5] = {{1, 0, stream<1, 0>},
                                    {4, 1, stream<4, 1>},
                                    {2, 1, stream<2, 1>},
                                    {1, 1, stream<1, 1>},
                                    {1, 4, stream<1, 4>}};

}  // namespace refcalib_bench
