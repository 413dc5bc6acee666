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

}  // namespace refcalib_test
