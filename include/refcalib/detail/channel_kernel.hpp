#pragma once

// The inner loop of refcalib::ValueObserver over rows of channels, on plain pointers.

#include <cstddef>
#include <refcalib/detail/simd.hpp>

namespace refcalib::detail {

/// Sums of a channel are taken in float over so many rows and then in double.
inline constexpr std::size_t kSumRows = 64;
/// Arrays of values per channel are padded to a multiple of this: the lanes of the widest register.
inline constexpr std::size_t kChannelPadding = 16;

/// What is known of the channels of one sample so far, in arrays of a value per channel. `low`, `high`, `sum` and `square` are padded to a
/// multiple of kChannelPadding; what they hold there means nothing.
struct ChannelSeen {
  float* low;
  float* high;
  float* sum;     ///< work space
  float* square;  ///< work space
  double* total;
  double* total_square;
};

/// One vector of channels in `Count` rows, at rows[r] + offset, added to what is known of the channels.
template <class Arch, bool Fresh, std::size_t Count>
void add_channel_rows(const float* const* rows, std::size_t offset, std::size_t channel,
                      const ChannelSeen& seen) {
  using B = Batch<float, Arch>;
  B low = B::load_unaligned(seen.low + channel);
  B high = B::load_unaligned(seen.high + channel);
  B sum = Fresh ? B(0.0F) : B::load_unaligned(seen.sum + channel);
  B square = Fresh ? B(0.0F) : B::load_unaligned(seen.square + channel);
  for (std::size_t r = 0; r < Count; ++r) {
    B x = B::load_unaligned(rows[r] + offset);
    keep_in_register(x);
    low = min_or_second<Arch>(x, low);
    high = max_or_second<Arch>(x, high);
    sum += x;
    square += x * x;
  }
  low.store_unaligned(seen.low + channel);
  high.store_unaligned(seen.high + channel);
  sum.store_unaligned(seen.sum + channel);
  square.store_unaligned(seen.square + channel);
}

template <class Arch, bool Fresh, std::size_t Count>
void add_rows(const float* data, std::size_t stride, std::size_t channels, std::size_t readable,
              const ChannelSeen& seen) {
  constexpr std::size_t lanes = kLanes<Arch>;
  const float* rows[Count];
  for (std::size_t r = 0; r < Count; ++r) rows[r] = data + r * stride;
  const std::size_t whole = channels / lanes * lanes;
  for (std::size_t c = 0; c < whole; c += lanes) add_channel_rows<Arch, Fresh, Count>(rows, c, c, seen);
  if (whole == channels) return;
  // The last vector reads on into what follows the channels; rows at the end of the memory are copied.
  alignas(64) float copies[Count][lanes];
  for (std::size_t r = 0; r < Count; ++r) {
    rows[r] += whole;
    if (r * stride + whole + lanes <= readable) continue;
    for (std::size_t l = 0; l < lanes; ++l) copies[r][l] = whole + l < channels ? rows[r][l] : 0.0F;
    rows[r] = copies[r];
  }
  add_channel_rows<Arch, Fresh, Count>(rows, 0, whole, seen);
}

/// Extremes, sums and sums of squares of up to kSumRows rows of channels, rows `stride` floats apart, of which `readable` floats from
/// `data` on are memory. NaN is skipped in the extremes. False if there was a NaN.
template <class Arch>
bool scan_channels(const float* data, std::size_t rows, std::size_t stride, std::size_t channels,
                   std::size_t readable, const ChannelSeen& seen) {
  // The sums stay in registers for a group of rows; groups come one after the other, so that rows are read as they lie.
  constexpr std::size_t group = 8;
  std::size_t r = 0;
  const auto rest = [&] { return readable - r * stride; };
  if (rows >= group) {
    add_rows<Arch, true, group>(data, stride, channels, readable, seen);
    r = group;
  } else if (rows > 0) {
    add_rows<Arch, true, 1>(data, stride, channels, readable, seen);
    r = 1;
  }
  for (; r + group <= rows; r += group)
    add_rows<Arch, false, group>(data + r * stride, stride, channels, rest(), seen);
  for (; r < rows; ++r) add_rows<Arch, false, 1>(data + r * stride, stride, channels, rest(), seen);
  int strange = 0;
  for (std::size_t c = 0; c < channels; ++c) {
    seen.total[c] += static_cast<double>(seen.sum[c]);
    seen.total_square[c] += static_cast<double>(seen.square[c]);
    // A sum of squares is NaN for NaN alone.
    strange |= seen.square[c] == seen.square[c] ? 0 : 1;
  }
  return strange == 0;
}

}  // namespace refcalib::detail
