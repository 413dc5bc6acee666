#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace refcalib_test {

/// An array between two pages without access: its last element (plus `slack_bytes`) ends exactly where the
/// second one begins, so that one byte read or written too far ends the test. The first element is aligned to
/// sizeof(T) alone, which is what a kernel may rely on. All bytes, the slack included, start as `fill`, 0xA5
/// unless told.
template <class T>
class GuardedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit GuardedBuffer(std::size_t count, std::size_t slack_bytes = 0, unsigned char fill = 0xA5)
      : count_(count) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t used = (count * sizeof(T) + slack_bytes + page - 1) / page * page;
    bytes_ = used + 2 * page;
    base_ = mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) {
      throw std::bad_alloc();
    }
    auto* const first = static_cast<unsigned char*>(base_) + page;
    if (used != 0 && mprotect(first, used, PROT_READ | PROT_WRITE) != 0) {
      munmap(base_, bytes_);
      throw std::bad_alloc();
    }
    std::memset(first, fill, used);
    void* const start = first + (used - slack_bytes - count * sizeof(T));
    data_ = static_cast<T*>(start);
  }
  ~GuardedBuffer() {
    if (base_ != nullptr) {
      munmap(base_, bytes_);
    }
  }
  GuardedBuffer(GuardedBuffer&& other) noexcept { swap(other); }
  GuardedBuffer& operator=(GuardedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return count_; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + count_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + count_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  std::span<T> span() noexcept { return {data_, count_}; }
  std::span<const T> span() const noexcept { return {data_, count_}; }

 private:
  void swap(GuardedBuffer& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(bytes_, other.bytes_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
  }

  void* base_ = nullptr;
  std::size_t bytes_ = 0;
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

/// True if both hold the same bytes: distinguishes -0 from +0 and compares NaN by its bits.
template <class A, class B>
bool same_bytes(const A& a, const B& b) {
  return std::size(a) == std::size(b) &&
         (std::size(a) == 0 ||
          std::memcmp(std::data(a), std::data(b), std::size(a) * sizeof(*std::data(a))) == 0);
}

}  // namespace refcalib_test
