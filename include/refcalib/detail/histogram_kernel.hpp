#pragma once

// The inner loops of refcalib::Histogram on plain pointers. A program that chooses its instruction set at run
// time instantiates histogram_kernel<Arch>() in one translation unit per instruction set and hands the result
// to Histogram::update.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <refcalib/detail/channel_kernel.hpp>
#include <refcalib/detail/simd.hpp>

namespace refcalib::detail {

/// Bins of one half (negative or positive).
inline constexpr std::size_t kHistogramBins = 4096;

/// Zeros and non-finite values are counted in slots of their own, one per position in a register group, so
/// that a run of zeros does not serialise on one memory location. A power of two, at least the largest
/// kBlock.
inline constexpr std::size_t kHistogramTrash = 64;

/// Layout of a table of counters: positive half, trash, negative half.
inline constexpr std::size_t kNegativeOffset = kHistogramBins + kHistogramTrash;

/// How the bin of a value is found: index = trunc(|x| * inverse_width) for 0 < |x| < limit.
struct BinScale {
  float inverse_width;
  float limit;
};

/// Finds bins, register by register.
template <class Arch, bool HasNegative>
struct BinFinder {
  using B = Batch<float, Arch>;
  using Valid = xsimd::batch_bool<float, Arch>;
  B inverse_width, limit;

  explicit BinFinder(const BinScale& scale) : inverse_width(scale.inverse_width), limit(scale.limit) {}

  /// Which values are counted: finite ones that are not zero.
  Valid valid(B x) const {
    const B magnitude = HasNegative ? xsimd::abs(x) : x;
    return (magnitude > B(0.0F)) & (magnitude < limit);
  }
  /// The index of a valid value's counter, as a float.
  B bin(B x) const {
    if constexpr (HasNegative) {
      // Truncated before the offset is added: the sum would otherwise round up across a bin edge.
      const B bin = xsimd::trunc(xsimd::abs(x) * inverse_width);
      return xsimd::select(x < B(0.0F), bin + B(static_cast<float>(kNegativeOffset)), bin);
    } else {
      return x * inverse_width;
    }
  }
};

template <class Arch, class Count>
void count_all(const std::int32_t* index, std::size_t n, Count* counts) {
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    ++counts[index[i]];
    ++counts[index[i + 1]];
    ++counts[index[i + 2]];
    ++counts[index[i + 3]];
  }
  for (; i < n; ++i) ++counts[index[i]];
}

/// Adds n values to the counters; all that are not valid go to the trash.
template <class Arch, bool HasNegative, class Count>
void scatter_values(const float* data, std::size_t n, const BinScale& scale, Count* counts) {
  using B = Batch<float, Arch>;
  constexpr std::size_t lanes = kLanes<Arch>;
  constexpr std::size_t block = kBlock<Arch>;
  constexpr std::size_t chunk = 512;
  static_assert(block <= kHistogramTrash && chunk % block == 0);
  const BinFinder<Arch, HasNegative> finder(scale);
  alignas(64) std::int32_t index[chunk + lanes];

  if constexpr (kSelectsLanes<Arch>) {
    // Each counter that is spared is worth more than what finds it: a ReLU makes half of the values zeros.
    std::size_t counted = 0;
    for (std::size_t first = 0; first < n; first += chunk) {
      const std::size_t count = n - first < chunk ? n - first : chunk;
      std::size_t found = 0;
      const auto select = [&](B x) {
        found += store_selected<Arch>(xsimd::to_int(finder.bin(x)), finder.valid(x), index + found);
      };
      std::size_t i = 0;
      for (; i + lanes <= count; i += lanes) select(B::load_unaligned(data + first + i));
      if (i < count) {
        alignas(64) float padded[lanes] = {};
        std::memcpy(padded, data + first + i, (count - i) * sizeof(float));
        select(B::load_aligned(padded));
      }
      count_all<Arch>(index, found, counts);
      counted += found;
    }
    counts[kHistogramBins] = static_cast<Count>(counts[kHistogramBins] + (n - counted));
  } else {
    alignas(64) float iota[block];
    for (std::size_t i = 0; i < block; ++i) iota[i] = static_cast<float>(kHistogramBins + i);
    const auto find_bins = [&](const float* in, std::int32_t* out) {
      for (std::size_t u = 0; u < block; u += lanes) {
        const B x = B::load_unaligned(in + u);
        const B trash = B::load_aligned(iota + u);
        xsimd::to_int(xsimd::select(finder.valid(x), finder.bin(x), trash)).store_aligned(out + u);
      }
    };
    for (std::size_t first = 0; first < n; first += chunk) {
      const std::size_t count = n - first < chunk ? n - first : chunk;
      transform_blocks<Arch>(data + first, static_cast<std::int32_t*>(index), count, find_bins);
      count_all<Arch>(index, count, counts);
    }
  }
}

/// Many values are counted in a table of 16 bits first, which leaves room in the first-level cache, where the table of 64 bits would fill it.
inline constexpr std::size_t kShortCounts = 32768;

template <class Arch, bool HasNegative>
void scatter_stretch(const float* data, std::size_t n, const BinScale& scale, std::uint64_t* counts) {
  // Below, adding up the short table would cost more than it saves.
  constexpr std::size_t few = 8192;
  if (n < few) return scatter_values<Arch, HasNegative>(data, n, scale, counts);
  constexpr std::size_t slots = HasNegative ? kNegativeOffset + kHistogramBins : kNegativeOffset;
  alignas(64) std::uint16_t table[slots];
  for (std::size_t first = 0; first < n; first += kShortCounts) {
    std::memset(table, 0, sizeof table);
    scatter_values<Arch, HasNegative>(data + first, n - first < kShortCounts ? n - first : kShortCounts,
                                      scale, static_cast<std::uint16_t*>(table));
    for (std::size_t i = 0; i < slots; ++i) counts[i] += table[i];
  }
}

/// The functions that Histogram::update and ValueObserver::add need, compiled for one architecture.
struct HistogramKernel {
  FiniteScan (*scan)(const float* data, std::size_t n);
  void (*scatter)(const float* data, std::size_t n, const BinScale& scale, bool has_negative,
                  std::uint64_t* counts);
  bool (*scan_channels)(const float* data, std::size_t rows, std::size_t stride, std::size_t channels,
                        std::size_t readable, const ChannelSeen& seen);
};

template <class Arch>
void scatter(const float* data, std::size_t n, const BinScale& scale, bool has_negative,
             std::uint64_t* counts) {
  if (has_negative) {
    scatter_stretch<Arch, true>(data, n, scale, counts);
  } else {
    scatter_stretch<Arch, false>(data, n, scale, counts);
  }
}

template <class Arch>
constexpr HistogramKernel histogram_kernel() {
  return {&scan_finite<Arch>, &scatter<Arch>, &scan_channels<Arch>};
}

}  // namespace refcalib::detail
