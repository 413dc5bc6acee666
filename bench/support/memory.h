#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

namespace refcalib_bench {

/// 64-byte aligned memory that is readable for 64 bytes behind its end.
class Memory {
 public:
  explicit Memory(std::size_t bytes)
      : bytes_((bytes + 127) / 64 * 64), data_(static_cast<std::byte*>(::operator new(bytes_, kAlignment))) {
    std::memset(data_.get(), 0, bytes_);
  }

  std::byte* data() { return data_.get(); }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(data_.get());
  }

  /// Floats in [-1, 1) or any bytes: ordinary values, since denormal and infinite ones may take longer.
  Memory& fill(bool floats) {
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < bytes_; i += 4) {
      state = state * 1664525U + 1013904223U;
      const float real = static_cast<float>(state >> 8U) * 0x1p-23F - 1.0F;
      const std::uint32_t bits = state ^ state >> 13U;
      std::memcpy(data() + i, floats ? static_cast<const void*>(&real) : &bits, 4);
    }
    return *this;
  }
  /// s8 as trained weights lie: small ones are common, the largest rare (a sum of four even distributions). It matters where kernels depend
  /// on which products cannot saturate together.
  Memory& fill_weights() {
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < bytes_; ++i) {
      state = state * 1664525U + 1013904223U;
      int sum = 0;
      for (unsigned part = 0; part < 4; ++part) sum += static_cast<int>(state >> (8 + 6 * part) & 63U);
      data_.get()[i] = static_cast<std::byte>(static_cast<std::int8_t>(sum - 126));
    }
    return *this;
  }
  Memory& fill(float value) {
    for (std::size_t i = 0; i < bytes_; i += 4) std::memcpy(data() + i, &value, 4);
    return *this;
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(std::byte* p) const noexcept { ::operator delete(p, kAlignment); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Free> data_;
};

}  // namespace refcalib_bench
