#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/error.h"

namespace refcalib::engine {

/// Lays arrays out in a step's scratch while the step is planned.
class ScratchLayout {
 public:
  /// Offset of an array of `count` >= 0 elements. Throws UnsupportedError if the sum leaves 1 GiB.
  template <class T>
  std::size_t take(std::int64_t count) {
    constexpr std::int64_t most = std::int64_t{1} << 30;
    const auto size = static_cast<std::int64_t>(sizeof(T));
    if (count > most / size || static_cast<std::int64_t>(bytes_) + count * size > most)
      throw UnsupportedError("the layer needs more than 1 GiB of working memory");
    const std::size_t offset = bytes_;
    bytes_ += (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
    return offset;
  }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

template <class T>
T* scratch_array(std::byte* scratch, std::size_t offset) noexcept {
  return reinterpret_cast<T*>(scratch + offset);
}

}  // namespace refcalib::engine
