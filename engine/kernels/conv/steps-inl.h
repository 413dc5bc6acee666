#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/conv/blocking.h"
#include "engine/kernels/conv/conv.h"
#include "engine/kernels/conv/pairing-inl.h"

/// Panels for products that are summed in pairs in int16. Which activations of a tap meet as a pair is decided for each panel while
/// it is packed, so that no sum can saturate (pairing-inl.h); the panel begins with the list of its steps.
///
///   in place    four neighbours whose pairs are safe as they lie: broadcast as they are
///   reordered   the other positions of a window of 16 bytes find partners among each other, a shuffle brings them together; one
///               without a partner stands beside a weight of 0
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
  std::int64_t capacity = 0;     ///< steps: two positions each at least
  std::int64_t weights = 0;      ///< bytes from the panel to its weights
  std::int64_t panel_bytes = 0;  ///< from panel to panel

  static constexpr std::int64_t header_bytes = 64;

  ListedPanel(const Blocking& b, std::int64_t stored) noexcept
      : capacity(b.taps * b.groups_per_tap * 2),
        weights(header_bytes + round64(capacity * static_cast<std::int64_t>(sizeof(ListedStep)))),
        panel_bytes(round64(weights + capacity * b.columns * stored)) {}
  static constexpr std::int64_t round64(std::int64_t n) noexcept { return (n + 63) / 64 * 64; }
};
static_assert(sizeof(ListHeader) <= ListedPanel::header_bytes);

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

  /// All steps of a window that begins at position `first` of the tap at `tap`.
  void add(const WeightWindow& window, std::int32_t tap, std::int64_t first) noexcept {
    const Pairing pairing(window);
    int four[4], filled = 0;
    for (int a = 0; a < window.count(); ++a) {
      if (pairing.in_place(a)) {
        const int neighbours[] = {a, a + 1, a + 2, a + 3};
        put(window, header_.in_place++, {tap, static_cast<std::int32_t>(first + a), 0}, neighbours);
        header_.proof.in_place += 4;
      }
      const int b = pairing.left(a) ? pairing.partner(a) : Pairing::nobody;
      if (!pairing.left(a) || (b != Pairing::nobody && b < a)) continue;
      (b == Pairing::nobody ? header_.proof.alone : header_.proof.reordered) += b == Pairing::nobody ? 1 : 2;
      four[filled++] = a;
      four[filled++] = b;
      if (filled == 4) put_reordered(window, tap, first, four);
      filled %= 4;
    }
    if (filled == 0) return;
    four[2] = four[3] = Pairing::nobody;
    put_reordered(window, tap, first, four);
  }

 private:
  void put_reordered(const WeightWindow& window, std::int32_t tap, std::int64_t first,
                     const int (&four)[4]) noexcept {
    std::uint32_t order = 0;
    for (int i = 0; i < 4; ++i)
      order |= static_cast<std::uint32_t>(four[i] == Pairing::nobody ? 0 : four[i]) << (8 * i);
    put(window, capacity_ - ++header_.reordered, {tap, static_cast<std::int32_t>(first), order}, four);
  }

  void put(const WeightWindow& window, std::int64_t index, const ListedStep& step,
           const int (&four)[4]) noexcept {
    steps_[index] = step;
    static constexpr std::int8_t zeros[WeightWindow::most_channels] = {};
    const std::int8_t* from[4];
    for (int i = 0; i < 4; ++i) from[i] = four[i] == Pairing::nobody ? zeros : window.weights(four[i]);
    auto* const to = reinterpret_cast<std::int8_t*>(weights_ + index * columns_ * Product::stored);
    for (std::int64_t c = 0; c < columns_ * Product::lanes; ++c)
      for (int i = 0; i < 4; ++i) to[4 * c + i] = from[i][c];
  }

  ListHeader& header_;
  ListedStep* steps_;
  std::byte* weights_;
  std::int64_t capacity_, columns_;
};

}  // namespace
}  // namespace refcalib::engine::kernels
