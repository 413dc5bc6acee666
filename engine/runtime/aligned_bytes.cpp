#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/core/error.h"
#include "engine/runtime/step.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace refcalib::engine {
namespace {

constexpr std::size_t kAlignment = 64;

constexpr std::size_t rounded_up(std::size_t size, std::size_t unit) {
  return (size + unit - 1) / unit * unit;
}

#if defined(__linux__)
/// From here on fewer page faults and misses of the translation buffers pay for whole pages of 2 MiB.
constexpr std::size_t kLargePage = std::size_t{2} << 20;

/// `size` bytes of zeros, a multiple of kLargePage, aligned to it; nullptr if the system has none.
std::byte* map_zeros(std::size_t size) {
  const std::size_t asked = size + kLargePage;
  void* const address = ::mmap(nullptr, asked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(address);
  const std::size_t skipped = rounded_up(reinterpret_cast<std::uintptr_t>(begin), kLargePage) -
                              reinterpret_cast<std::uintptr_t>(begin);
  if (skipped != 0) ::munmap(begin, skipped);
  ::munmap(begin + skipped + size, kLargePage - skipped);
  ::madvise(begin + skipped, size, MADV_HUGEPAGE);  // a wish; small pages do as well
  return begin + skipped;
}
#endif

}  // namespace

AlignedBytes::AlignedBytes(std::size_t size) : size_(size) {
  // Rounded up, plus what kernels may read behind the end; zeroed so that a read of padding is the same in every run.
  const std::size_t total = rounded_up(size, kAlignment) + kAlignment;
#if defined(__linux__)
  if (total >= kLargePage) {
    const std::size_t mapped = rounded_up(total, kLargePage);
    data_ = {map_zeros(mapped), Free(mapped)};
    if (data_ == nullptr) throw Error("cannot allocate " + std::to_string(total) + " bytes of memory");
    return;
  }
#endif
  data_ = {static_cast<std::byte*>(std::aligned_alloc(kAlignment, total)), Free()};
  if (data_ == nullptr) throw Error("cannot allocate " + std::to_string(total) + " bytes of memory");
  std::memset(data_.get(), 0, total);
}

void AlignedBytes::Free::operator()(std::byte* p) const noexcept {
#if defined(__linux__)
  if (mapped != 0) {
    ::munmap(p, mapped);
    return;
  }
#endif
  std::free(p);
}

}  // namespace refcalib::engine
