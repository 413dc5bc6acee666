#pragma once

#include <cstdint>

/// How the activations of a window come into pairs that cannot saturate. Included by instruction-set files only; in an unnamed
/// namespace, so that each file has its own.
namespace refcalib::engine::kernels {
namespace {

/// The weights of up to 16 neighbouring positions of a tap for all channels of a panel.
///
/// Two positions are safe together if in every channel their weights of one sign add up to at most 128 in magnitude: then the sum of
/// both products fits int16 whatever the activations are, since 255 * 128 = 32640. So is every position alone.
class WeightWindow {
 public:
  static constexpr int positions = 16;
  static constexpr std::int64_t most_channels = 64;

  /// `count` positions; `channels` a multiple of 8. All weights are 0.
  void clear(int count, std::int64_t channels) noexcept {
    count_ = (count + 3) / 4 * 4;
    channels_ = (channels + 15) / 16 * 16;
    __builtin_memset(weight_, 0, sizeof weight_);
  }
  void set(int position, std::int64_t channel, std::int8_t w) noexcept { weight_[position][channel] = w; }
  /// After the last set(), before safe().
  void finish() noexcept {
    for (int p = 0; p < count_; ++p)
      for (std::int64_t c = 0; c < channels_; ++c) {
        const int w = weight_[p][c];
        above_[p][c] = static_cast<std::uint8_t>(w > 0 ? w : 0);
        below_[p][c] = static_cast<std::uint8_t>(w < 0 ? -w : 0);
      }
  }
  /// A position's weights by channel.
  const std::int8_t* weights(int position) const noexcept { return weight_[position]; }
  /// Positions, rounded up to whole fours.
  int count() const noexcept { return count_; }

  bool safe(int a, int b) const noexcept {
    for (std::int64_t c = 0; c < channels_; c += 16) {
      const Bytes16 bad = (read(above_[a] + c) > 128 - read(above_[b] + c)) |
                          (read(below_[a] + c) > 128 - read(below_[b] + c));
      std::uint64_t halves[2];
      __builtin_memcpy(halves, &bad, sizeof halves);
      if ((halves[0] | halves[1]) != 0) return false;
    }
    return true;
  }

 private:
  /// Sixteen bytes, for which the compiler finds the instructions.
  using Bytes16 = unsigned char __attribute__((vector_size(16)));
  static Bytes16 read(const std::uint8_t* p) noexcept {
    Bytes16 bytes;
    __builtin_memcpy(&bytes, p, sizeof bytes);
    return bytes;
  }

  int count_ = 0;
  std::int64_t channels_ = 0;
  std::int8_t weight_[positions][most_channels];
  std::uint8_t above_[positions][most_channels], below_[positions][most_channels];
};

/// The cheapest way found to cover a window: fours of neighbours that are safe as they lie, and pairs among the other positions. A
/// step in another order costs a shuffle more for each pixel.
class Pairing {
 public:
  static constexpr int nobody = -1;

  explicit Pairing(const WeightWindow& window) noexcept : window_(window), count_(window.count()) {
    if (all_in_place()) return;
    for (int a = 0; a < count_; ++a)
      for (int b = a + 1; b < count_; ++b)
        if (window.safe(a, b)) friends_[a] |= static_cast<std::uint16_t>(1U << b);
    best_cost_ = reordered_cost * count_ / 2;  // everybody alone
    best_left_ = static_cast<std::uint16_t>((1U << count_) - 1);
    for (int a = 0; a < count_; ++a) best_partner_[a] = nobody;
    cover(0, 0, 0);
  }

  /// True if a step in place begins at this position; the four positions are then not among the left ones.
  bool in_place(int position) const noexcept { return (best_fours_ >> position & 1U) != 0; }
  /// True if a position takes part in a reordered step.
  bool left(int position) const noexcept { return (best_left_ >> position & 1U) != 0; }
  /// Partner of a left position, or nobody.
  int partner(int position) const noexcept { return best_partner_[position]; }

 private:
  static constexpr int in_place_cost = 5, reordered_cost = 6;  ///< as measured
  /// Attempts for one set of positions and one number of those alone, and for a window; the first set gets an answer in any case.
  static constexpr int attempts_per_set = 250, attempts_per_window = 4000;

  bool all_in_place() noexcept {
    for (int a = 0; a < count_; a += 2)
      if (!window_.safe(a, a + 1)) return false;
    best_fours_ = 0x1111;
    return true;
  }

  bool friends(int a, int b) const noexcept { return (friends_[a] >> b & 1U) != 0; }

  /// Tries all sets of steps in place; `left` are the positions below `at` that none covers.
  void cover(int at, std::uint16_t fours, std::uint16_t left) noexcept {
    const int others = __builtin_popcount(left), steps = __builtin_popcount(fours);
    if (in_place_cost * (count_ - others) / 4 + reordered_cost * others / 4 >= best_cost_) return;
    if (spent_ > attempts_per_window) return;
    if (at == count_) {
      match_left(fours, left, in_place_cost * steps, others);
      return;
    }
    if (at + 4 <= count_ && friends(at, at + 1) && friends(at + 2, at + 3))
      cover(at + 4, static_cast<std::uint16_t>(fours | 1U << at), left);
    cover(at + 1, fours, static_cast<std::uint16_t>(left | 1U << at));
  }

  void match_left(std::uint16_t fours, std::uint16_t left, int cost, int others) noexcept {
    // Four alone cost one step more than two pairs.
    for (int alone = 0; alone <= others; alone += 4) {
      const int total = cost + reordered_cost * (others + alone) / 4;
      if (total >= best_cost_) return;
      attempts_ = 0;
      const bool found = match(left, alone);
      spent_ += attempts_;
      if (!found) continue;
      best_cost_ = total;
      best_fours_ = fours;
      best_left_ = left;
      for (int a = 0; a < count_; ++a) best_partner_[a] = partner_[a];
    }
  }

  /// Finds pairs for all of `left` but at most `alone`.
  bool match(std::uint16_t left, int alone) noexcept {
    if (left == 0) return true;
    if (++attempts_ > attempts_per_set) return false;
    const int a = __builtin_ctz(left);
    left = static_cast<std::uint16_t>(left & (left - 1U));
    for (std::uint32_t open = left & friends_[a]; open != 0; open &= open - 1U) {
      const int b = __builtin_ctz(open);
      partner_[a] = b;
      partner_[b] = a;
      if (match(static_cast<std::uint16_t>(left & ~(1U << b)), alone)) return true;
    }
    partner_[a] = nobody;
    return alone > 0 && match(left, alone - 1);
  }

  const WeightWindow& window_;
  int count_;
  std::uint16_t friends_[WeightWindow::positions] = {};  ///< bit b of a: safe together, a < b
  int partner_[WeightWindow::positions] = {};
  int attempts_ = 0, spent_ = 0;
  int best_cost_ = 0;
  std::uint16_t best_fours_ = 0, best_left_ = 0;
  int best_partner_[WeightWindow::positions] = {};
};

}  // namespace
}  // namespace refcalib::engine::kernels
