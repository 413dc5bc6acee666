#pragma once

#include <cstddef>

namespace refcalib::engine::kernels {

/// Starts to bring the cache line of `p` near, without waiting for it. Any address may be given, readable or not.
[[gnu::always_inline]] inline void prefetch(const std::byte* p) {
  __builtin_prefetch(p, 0, 3);
}
/// Into the second-level cache, for what is needed after thousands of cycles.
[[gnu::always_inline]] inline void prefetch_far(const std::byte* p) {
  __builtin_prefetch(p, 0, 2);
}
/// To be written to.
[[gnu::always_inline]] inline void prefetch_to_write(std::byte* p) {
  __builtin_prefetch(p, 1, 3);
}

}  // namespace refcalib::engine::kernels
