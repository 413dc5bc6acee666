#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace refcalib {

/// A 64-bit hash of bytes, the same on every machine (little-endian words). It tells files and samples apart;
/// it is no protection against somebody who wants two of them to look alike.
///
/// Four lanes take a word each by the round of XXH64 (Collet, "xxHash", 2012); the lanes, the rest and the
/// length are folded with the finalizer of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", 2014).
class ContentHash {
 public:
  void add(std::span<const std::byte> bytes) {
    length_ += bytes.size();
    while (!bytes.empty()) {
      if (filled_ == 0 && bytes.size() >= kBlock) {
        take_block(bytes.data());
        bytes = bytes.subspan(kBlock);
        continue;
      }
      const std::size_t part = std::min(kBlock - filled_, bytes.size());
      std::memcpy(pending_ + filled_, bytes.data(), part);
      filled_ += part;
      bytes = bytes.subspan(part);
      if (filled_ == kBlock) {
        take_block(pending_);
        filled_ = 0;
      }
    }
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text.data(), text.size()))); }
  void add(std::span<const float> values) { add(std::as_bytes(values)); }
  void add(std::uint64_t number) {
    std::byte bytes[sizeof number];
    for (std::size_t i = 0; i < sizeof number; ++i)
      bytes[i] = static_cast<std::byte>(static_cast<unsigned char>(number >> (8 * i)));
    add(std::span<const std::byte>(bytes));
  }

  [[nodiscard]] std::uint64_t value() const {
    std::uint64_t h = mix(length_);
    for (const std::uint64_t lane : lanes_) h = mix(h ^ lane);
    for (std::size_t i = 0; i < filled_; ++i) h = mix(h ^ std::to_integer<std::uint64_t>(pending_[i]));
    return h;
  }

  /// A bijection of 64-bit numbers in which every input bit reaches every output bit.
  static constexpr std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
  }

 private:
  static constexpr std::size_t kBlock = 32;

  static std::uint64_t word(const std::byte* bytes) {
    std::uint64_t w = 0;
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(&w, bytes, sizeof w);
    } else {
      for (std::size_t i = 0; i < sizeof w; ++i) w |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return w;
  }

  void take_block(const std::byte* bytes) {
    for (std::size_t i = 0; i < 4; ++i)
      lanes_[i] = std::rotl(lanes_[i] + word(bytes + 8 * i) * 0xc2b2ae3d27d4eb4fU, 31) * 0x9e3779b185ebca87U;
  }

  std::uint64_t lanes_[4] = {0x243f6a8885a308d3U, 0x13198a2e03707344U, 0xa4093822299f31d0U,
                             0x082efa98ec4e6c89U};  // digits of pi
  std::uint64_t length_ = 0;
  std::byte pending_[kBlock] = {};
  std::size_t filled_ = 0;
};

}  // namespace refcalib
