#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/batch.h"

/// Packing of weights whose packed vectors hold four bytes of each output channel as they lie in the source, for neighbouring
/// channels: matrices of four-byte words are transposed in registers, square by square, so that both sides are read and written in
/// whole vectors. Included by instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

/// Rows of `A`'s lanes many channels.
template <class A>
class WordRows {
 public:
  static constexpr std::int64_t lanes = Simd<A>::lanes;
  static constexpr std::int64_t square_bytes = 4 * lanes;  ///< of each row

  const std::uint8_t* row[lane_count<A>];  ///< nullptr: zeros

  /// Calls put(w, vector) for the words of `bytes` bytes, at most square_bytes, from `at` on in every row; a word that is cut short
  /// ends in zeros.
  template <class Put>
  [[gnu::always_inline]] void transposed(std::int64_t at, std::int64_t bytes, const Put& put) const {
    Ints<A> square[lane_count<A>];
    for (std::size_t l = 0; l < lane_count<A>; ++l) {
      if (row[l] == nullptr)
        square[l] = Ints<A>::broadcast(0);
      else if (bytes == square_bytes)
        square[l] = as_ints(load_bytes(row[l] + at, Full<A>{}));
      else
        square[l] = as_ints(load_bytes(row[l] + at, First<A>{static_cast<int>(bytes)}));
    }
    transpose(square);
    const std::int64_t words = (bytes + 3) / 4;
    for (std::int64_t w = 0; w < words; ++w) put(w, as_bytes(square[w]));
  }
};

/// Output channels of `taps` weights for each of `inputs` input channels, in the source [channel][input][tap] of floats or s8. Packed:
/// [tap][group of inputs that fill a word][vector of channels].
template <class A, class T>
class SquarePacking {
 public:
  static constexpr std::int64_t group = 4 / static_cast<std::int64_t>(sizeof(T));  ///< inputs of a word

  SquarePacking(std::int64_t inputs, std::int64_t taps, std::int64_t vectors, std::byte* to) noexcept
      : inputs_(inputs), taps_(taps), groups_((inputs + group - 1) / group), vectors_(vectors), to_(to) {}

  /// One vector of channels; `real` of them exist, the first begins at `source`.
  void pack(const T* source, std::int64_t real, std::int64_t vector) const noexcept {
    WordRows<A> rows;
    for (std::int64_t l = 0; l < Rows::lanes; ++l)
      rows.row[l] = l < real ? reinterpret_cast<const std::uint8_t*>(source + l * inputs_ * taps_) : nullptr;
    if (group == 1)
      pack_flat(rows, inputs_ * taps_, taps_, vector);
    else if (taps_ == 1)
      pack_flat(rows, inputs_, 1, vector);
    else
      pack_taps(rows, vector);
  }

 private:
  using Rows = WordRows<A>;

  void put(std::int64_t tap, std::int64_t k, std::int64_t vector, Bytes<A> word) const noexcept {
    std::byte* const at = to_ + ((tap * groups_ + k) * vectors_ + vector) * Rows::square_bytes;
    store_bytes(reinterpret_cast<std::uint8_t*>(at), word, Full<A>{});
  }

  /// Words follow each other in the source, `taps` for each group of inputs.
  void pack_flat(const Rows& rows, std::int64_t count, std::int64_t taps,
                 std::int64_t vector) const noexcept {
    const std::int64_t bytes = count * static_cast<std::int64_t>(sizeof(T));
    std::int64_t tap = 0, k = 0;
    for (std::int64_t at = 0; at < bytes; at += Rows::square_bytes)
      rows.transposed(at, bytes - at < Rows::square_bytes ? bytes - at : Rows::square_bytes,
                      [&](std::int64_t, Bytes<A> word) {
                        put(tap, k, vector, word);
                        if (++tap == taps) {
                          tap = 0;
                          ++k;
                        }
                      });
  }

  /// The inputs of a tap, which lie `taps` apart, are brought together first.
  void pack_taps(const Rows& rows, std::int64_t vector) const noexcept {
    std::uint8_t inputs[Rows::lanes][Rows::square_bytes];
    Rows together;
    for (std::int64_t l = 0; l < Rows::lanes; ++l)
      together.row[l] = rows.row[l] == nullptr ? nullptr : inputs[l];
    for (std::int64_t c = 0; c < inputs_; c += Rows::square_bytes) {
      const std::int64_t count = inputs_ - c < Rows::square_bytes ? inputs_ - c : Rows::square_bytes;
      for (std::int64_t tap = 0; tap < taps_; ++tap) {
        for (std::int64_t l = 0; l < Rows::lanes; ++l)
          if (rows.row[l] != nullptr)
            for (std::int64_t i = 0; i < count; ++i) inputs[l][i] = rows.row[l][(c + i) * taps_ + tap];
        together.transposed(0, count,
                            [&](std::int64_t w, Bytes<A> word) { put(tap, c / group + w, vector, word); });
      }
    }
  }

  std::int64_t inputs_, taps_, groups_, vectors_;
  std::byte* to_;
};

}  // namespace
}  // namespace refcalib::engine::kernels
