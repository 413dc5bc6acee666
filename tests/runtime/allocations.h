#pragma once

#include <cstdint>

namespace refcalib_test {

/// Counts every `operator new` of this program, in any thread, while it exists. One at a time.
class AllocationCount {
 public:
  AllocationCount() noexcept;
  ~AllocationCount();
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;
  std::int64_t count() const noexcept;
};

/// Watches how much memory from `operator new` is in use in this program, in any thread, while it exists. One at a time.
class AllocatedBytes {
 public:
  AllocatedBytes() noexcept;
  ~AllocatedBytes();
  AllocatedBytes(const AllocatedBytes&) = delete;
  AllocatedBytes& operator=(const AllocatedBytes&) = delete;
  /// The most that was in use at once beyond what was in the beginning, as the allocator rounds it up.
  std::int64_t peak() const noexcept;
};

}  // namespace refcalib_test
