#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/core/error.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

namespace {
constexpr std::size_t kAlignment = 64;
}

AlignedBytes::AlignedBytes(std::size_t size) : size_(size) {
  // Rounded up, plus what kernels may read behind the end; zeroed so that a read of padding is the same in every run.
  const std::size_t total = (size + kAlignment - 1) / kAlignment * kAlignment + kAlignment;
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, total)));
  if (data_ == nullptr) throw Error("cannot allocate " + std::to_string(total) + " bytes of memory");
  std::memset(data_.get(), 0, total);
}

void AlignedBytes::Free::operator()(std::byte* p) const noexcept {
  std::free(p);
}

}  // namespace refcalib::engine
