#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/conv/blocking.h"

/// The proof that lets u8 * s8 run on an instruction that sums pairs in int16: which activations of a tap meet as a pair is decided for
/// each panel while it is packed, so that no sum can saturate. A pair of positions is safe if in every output channel of the panel the
/// weights of one sign add up to at most 128 in magnitude: 255 * 128 = 32640 fits, whatever the activations and the padding are.
///
///   in place    four neighbours whose pairs are safe as they lie: broadcast as they are
///   reordered   the others find partners among the leftover positions of the next 16 bytes; a shuffle brings them together
///   alone       a position without a partner stands beside a weight of 0, which is always safe (255 * 128 again)
///
/// Sums of integers do not depend on their order, so the result is that of every other kernel. Included by instruction-set files
/// only; in an unnamed namespace, so that each file has its own.
namespace refcalib::engine::kernels {
namespace {

/// One step of a panel: which activations are broadcast.
struct ListedStep {
  std::int32_t tap;     ///< bytes from the first row's pointer to the tap's in the table of taps
  std::int32_t at;      ///< bytes from the tap's first activation on
  std::uint32_t order;  ///< reordered steps: four indices below 16, counted from `at`
};

/// Steps in place lie at the front of the list, reordered ones at its end; the weights of step i are those of entry i.
struct ListHeader {
  std::int32_t in_place, reordered;
  PairProof proof;
};

/// Where the parts of one panel lie. All panels of a convolution are as large as the widest with the most steps.
struct ListedPanel {
  std::int64_t capacity = 0;  ///< steps
  std::int64_t weights = 0;   ///< bytes from the panel to its weights
  std::int64_t panel_bytes = 0;

  static constexpr std::int64_t chunk = 64;  ///< positions of a tap that are looked at together
  static constexpr std::int64_t header_bytes = 64;

  ListedPanel(const Blocking& b, std::int64_t stored) noexcept {
    // A step takes two positions at least, except for the last leftover of a chunk and the last four in place. (A lone leftover before
    // that is followed by 15 positions in place.)
    const std::int64_t chunks = (b.tap_length + chunk - 1) / chunk;
    capacity = b.taps * (b.tap_length / 2 + 2 * chunks);
    weights = header_bytes + round64(capacity * static_cast<std::int64_t>(sizeof(ListedStep)));
    panel_bytes = round64(weights + capacity * b.columns * stored);
  }
  static constexpr std::int64_t round64(std::int64_t n) noexcept { return (n + 63) / 64 * 64; }
};
static_assert(sizeof(ListHeader) <= ListedPanel::header_bytes);

/// The weights of up to `chunk` neighbouring positions of a tap for all channels of a panel.
struct WeightChunk {
  static constexpr std::int64_t most_channels = 64;
  std::int64_t channels;
  std::int64_t count;
  std::int8_t of[ListedPanel::chunk + 4][most_channels];

  /// Positions behind the last have no weights.
  bool safe(std::int64_t a, std::int64_t b) const noexcept {
    int most = 0, least = 0;
    for (std::int64_t c = 0; c < channels; ++c) {
      const int x = of[a][c], y = of[b][c];
      const int above = (x > 0 ? x : 0) + (y > 0 ? y : 0), below = (x < 0 ? x : 0) + (y < 0 ? y : 0);
      most = above > most ? above : most;
      least = below < least ? below : least;
    }
    return most <= 128 && least >= -128;
  }
};

/// Writes the steps of one panel.
template <class Product>
class StepList {
 public:
  StepList(std::byte* panel, const ListedPanel& layout, std::int64_t columns) noexcept
      : header_(*reinterpret_cast<ListHeader*>(panel)),
        steps_(reinterpret_cast<ListedStep*>(panel + ListedPanel::header_bytes)),
        weights_(panel + layout.weights),
        capacity_(layout.capacity),
        columns_(columns) {
    header_ = {};
  }

  /// All steps of a chunk that begins at position `first` of the tap at `tap`.
  void add(const WeightChunk& chunk, std::int32_t tap, std::int64_t first) noexcept {
    std::int64_t left[ListedPanel::chunk];
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < chunk.count;) {
      if (chunk.safe(i, i + 1) && chunk.safe(i + 2, i + 3)) {
        const std::int64_t four[] = {i, i + 1, i + 2, i + 3};
        put(chunk, header_.in_place++, {tap, static_cast<std::int32_t>(first + i), 0}, four);
        header_.proof.in_place += i + 4 < chunk.count ? 4 : chunk.count - i;
        i += 4;
      } else {
        left[count++] = i++;
      }
    }
    add_leftovers(chunk, tap, first, left, count);
  }

 private:
  static constexpr std::int64_t nobody = -1;

  void add_leftovers(const WeightChunk& chunk, std::int32_t tap, std::int64_t first, std::int64_t* left,
                     std::int64_t count) noexcept {
    for (std::int64_t a = 0; a < count; ++a) {
      if (left[a] == nobody) continue;
      const std::int64_t base = left[a];
      std::int64_t four[] = {nobody, nobody, nobody, nobody};
      take_pair(chunk, left, a, count, base, four);
      std::int64_t lone = nobody;
      for (std::int64_t b = a + 1; b < count && left[b] < base + 16 && four[2] == nobody; ++b) {
        if (left[b] == nobody) continue;
        if (partner(chunk, left, b, count, base) != nobody)
          take_pair(chunk, left, b, count, base, four + 2);
        else if (lone == nobody)
          lone = b;
      }
      if (four[2] == nobody && lone != nobody) take_pair(chunk, left, lone, count, base, four + 2);
      std::uint32_t order = 0;
      for (int i = 0; i < 4; ++i)
        order |= static_cast<std::uint32_t>(four[i] == nobody ? 0 : four[i] - base) << (8 * i);
      put(chunk, capacity_ - ++header_.reordered, {tap, static_cast<std::int32_t>(first + base), order},
          four);
    }
  }

  /// Index of a leftover behind `a`, within reach of `base`, that is safe with it; nobody: there is none.
  static std::int64_t partner(const WeightChunk& chunk, const std::int64_t* left, std::int64_t a,
                              std::int64_t count, std::int64_t base) noexcept {
    for (std::int64_t b = a + 1; b < count && left[b] < base + 16; ++b)
      if (left[b] != nobody && chunk.safe(left[a], left[b])) return b;
    return nobody;
  }

  void take_pair(const WeightChunk& chunk, std::int64_t* left, std::int64_t a, std::int64_t count,
                 std::int64_t base, std::int64_t* pair) noexcept {
    const std::int64_t b = partner(chunk, left, a, count, base);
    pair[0] = left[a];
    left[a] = nobody;
    if (b == nobody) {
      ++header_.proof.alone;
      return;
    }
    pair[1] = left[b];
    left[b] = nobody;
    header_.proof.reordered += 2;
  }

  void put(const WeightChunk& chunk, std::int64_t index, const ListedStep& step,
           const std::int64_t (&four)[4]) noexcept {
    steps_[index] = step;
    auto* const to = reinterpret_cast<std::int8_t*>(weights_ + index * columns_ * Product::stored);
    for (std::int64_t c = 0; c < chunk.channels; ++c)
      for (int i = 0; i < 4; ++i) to[4 * c + i] = four[i] == nobody ? std::int8_t{0} : chunk.of[four[i]][c];
  }

  ListHeader& header_;
  ListedStep* steps_;
  std::byte* weights_;
  std::int64_t capacity_, columns_;
};

}  // namespace
}  // namespace refcalib::engine::kernels
