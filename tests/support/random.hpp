#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace refcalib_test {

/// Small seeded generator with the same sequence on every platform and standard library
/// (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed = 1) noexcept : state_(seed) {}

  std::uint64_t bits() noexcept {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }

  /// Uniform integer in [low, high], both included.
  std::int64_t integer(std::int64_t low, std::int64_t high) noexcept {
    const auto range = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<std::int64_t>(range == 0 ? bits() : bits() % range);
  }

  /// Uniform float in [low, high).
  float real(float low, float high) noexcept {
    constexpr float step = 1.0F / 16777216.0F;
    return low + (high - low) * (static_cast<float>(bits() >> 40U) * step);
  }

  /// Any bit pattern: subnormals, infinities and NaNs included.
  float any_float() noexcept {
    const auto word = static_cast<std::uint32_t>(bits());
    float value = 0;
    std::memcpy(&value, &word, sizeof value);
    return value;
  }

  /// Fills a range of floats with values in [low, high).
  template <class Range>
  void fill_real(Range& range, float low, float high) noexcept {
    for (auto& x : range) {
      x = real(low, high);
    }
  }

  /// Fills a range of integers with values in [low, high], both included.
  template <class Range>
  void fill_integer(Range& range, std::int64_t low, std::int64_t high) noexcept {
    for (auto& x : range) {
      x = static_cast<std::remove_reference_t<decltype(x)>>(integer(low, high));
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace refcalib_test
