#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/detail/simd.hpp>
#include <refcalib/types.hpp>
#include <span>
#include <stdexcept>
#include <vector>

namespace refcalib {

/// Minimum and maximum of a stream of floats. NaN and infinities are counted and otherwise ignored. The state
/// depends on the multiset of values alone: order, batching, merging and instruction set do not matter (-0
/// counts as +0).
class MinMaxObserver {
 public:
  /// Looks at every value of x.
  template <class Arch = DefaultArch>
  void update(std::span<const float> x) {
    // In blocks, so that a single NaN costs one slow block and not a slow tensor.
    constexpr std::size_t block = 4096;
    for (std::size_t first = 0; first < x.size(); first += block) {
      const std::size_t n = std::min(block, x.size() - first);
      const detail::FiniteScan scan = detail::scan_finite<Arch>(x.data() + first, n);
      if (scan.all_finite) {
        include(scan.min, scan.max, n);
      } else {
        for (const float v : x.subspan(first, n)) include_checked(v);
      }
    }
  }

  /// As if the other's values had been given to update().
  void merge(const MinMaxObserver& other) {
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
    count_ += other.count_;
    nans_ += other.nans_;
    infinities_ += other.infinities_;
  }

  /// Smallest and largest finite value; {0, 0} if there was none. Not widened to zero.
  [[nodiscard]] Range range() const { return count_ == 0 ? Range{0.0F, 0.0F} : Range{min_, max_}; }
  /// Finite values seen.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t nan_count() const { return nans_; }
  [[nodiscard]] std::uint64_t inf_count() const { return infinities_; }

  friend bool operator==(const MinMaxObserver&, const MinMaxObserver&) = default;

 private:
  // Always inlined for the reason given at check() in params.hpp.
  [[gnu::always_inline]] void include(float low, float high, std::size_t n) {
    // Adding zero turns -0 into +0.
    min_ = std::min(min_, low + 0.0F);
    max_ = std::max(max_, high + 0.0F);
    count_ += n;
  }

  [[gnu::always_inline]] void include_checked(float v) {
    if (std::isnan(v)) {
      ++nans_;
    } else if (std::isinf(v)) {
      ++infinities_;
    } else {
      include(v, v, 1);
    }
  }

  float min_ = std::numeric_limits<float>::max();
  float max_ = std::numeric_limits<float>::lowest();
  std::uint64_t count_ = 0;
  std::uint64_t nans_ = 0;
  std::uint64_t infinities_ = 0;
};

/// Minimum and maximum per channel, with the same rules as MinMaxObserver. NaN and infinities are counted
/// over all channels together.
class ChannelMinMaxObserver {
 public:
  /// Throws std::invalid_argument for zero channels.
  explicit ChannelMinMaxObserver(std::size_t channels)
      : min_(channels, std::numeric_limits<float>::max()),
        max_(channels, std::numeric_limits<float>::lowest()) {
    if (channels == 0) throw std::invalid_argument("ChannelMinMaxObserver: no channels");
  }

  /// data is [outer][channels][inner], dense (NCHW: outer = N, inner = H * W).
  /// Throws std::invalid_argument if the length is not outer * channels * inner.
  template <class Arch = DefaultArch>
  void update_planar(std::span<const float> data, std::size_t outer, std::size_t inner) {
    if (data.size() != outer * channels() * inner) {
      throw std::invalid_argument("ChannelMinMaxObserver: data is not outer * channels * inner");
    }
    for (std::size_t row = 0; row < outer * channels() && inner > 0; ++row) {
      const float* plane = data.data() + row * inner;
      const std::size_t c = row % channels();
      const detail::FiniteScan scan = detail::scan_finite<Arch>(plane, inner);
      if (scan.all_finite) {
        include(c, scan.min, scan.max);
        count_ += inner;
      } else {
        for (std::size_t i = 0; i < inner; ++i) include_checked(c, plane[i]);
      }
    }
  }

  /// data[p * pixel_stride + c] is channel c of pixel p (NHWC; a stride above the channels skips padding).
  /// Throws std::invalid_argument if pixel_stride < channels.
  template <class Arch = DefaultArch>
  void update_channels_last(const float* data, std::size_t pixels, std::size_t pixel_stride) {
    if (pixel_stride < channels()) {
      throw std::invalid_argument("ChannelMinMaxObserver: pixel_stride < channels");
    }
    constexpr std::size_t rows = 256;
    for (std::size_t p = 0; p < pixels; p += rows) {
      update_rows<Arch>(data + p * pixel_stride, std::min(rows, pixels - p), pixel_stride);
    }
  }

  /// As if the other's values had been given to this one. Throws std::invalid_argument if the channels differ
  /// in number.
  void merge(const ChannelMinMaxObserver& other) {
    if (other.channels() != channels()) {
      throw std::invalid_argument("ChannelMinMaxObserver: merging different numbers of channels");
    }
    for (std::size_t c = 0; c < channels(); ++c) {
      min_[c] = std::min(min_[c], other.min_[c]);
      max_[c] = std::max(max_[c], other.max_[c]);
    }
    count_ += other.count_;
    nans_ += other.nans_;
    infinities_ += other.infinities_;
  }

  [[nodiscard]] std::size_t channels() const { return min_.size(); }
  /// Smallest and largest finite value of a channel; {0, 0} if there was none. c < channels().
  [[nodiscard]] Range range(std::size_t c) const {
    return min_[c] > max_[c] ? Range{0.0F, 0.0F} : Range{min_[c], max_[c]};
  }
  /// Finite values seen, over all channels.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t nan_count() const { return nans_; }
  [[nodiscard]] std::uint64_t inf_count() const { return infinities_; }

  friend bool operator==(const ChannelMinMaxObserver&, const ChannelMinMaxObserver&) = default;

 private:
  /// A few rows, one register of channels after the other, so that minima and maxima stay in registers.
  template <class Arch>
  void update_rows(const float* data, std::size_t rows, std::size_t stride) {
    constexpr std::size_t lanes = detail::kLanes<Arch>;
    std::size_t c = 0;
    for (; c + lanes <= channels(); c += lanes) update_lanes<Arch>(data, rows, stride, c, c);
    if (c == channels()) return;
    if (channels() >= lanes) {
      // The last register overlaps the one before: minimum and maximum of the shared channels are merely
      // taken twice.
      update_lanes<Arch>(data, rows, stride, channels() - lanes, c);
    } else {
      update_scalar<Arch>(data, rows, stride, c, channels());
    }
  }

  /// Channels [first, first + lanes), of which those before `fresh` were already counted.
  template <class Arch>
  void update_lanes(const float* data, std::size_t rows, std::size_t stride, std::size_t first,
                    std::size_t fresh) {
    using B = detail::Batch<float, Arch>;
    constexpr std::size_t lanes = detail::kLanes<Arch>;
    B low = B::load_unaligned(data + first);
    B high = low;
    B taint(0.0F);
    const B zero(0.0F);
    for (std::size_t r = 0; r < rows; ++r) {
      B x = B::load_unaligned(data + r * stride + first);
      detail::keep_in_register(x);
      low = xsimd::min(low, x);
      high = xsimd::max(high, x);
      taint = xsimd::fma(x, zero, taint);
    }
    alignas(64) std::array<float, lanes> lows;
    alignas(64) std::array<float, lanes> highs;
    alignas(64) std::array<float, lanes> taints;
    low.store_aligned(lows.data());
    high.store_aligned(highs.data());
    taint.store_aligned(taints.data());
    for (std::size_t k = fresh - first; k < lanes; ++k) {
      if (taints[k] == 0.0F) {
        include(first + k, lows[k], highs[k]);
        count_ += rows;
      } else {
        update_scalar<Arch>(data, rows, stride, first + k, first + k + 1);
      }
    }
  }

  template <class Arch>
  void update_scalar(const float* data, std::size_t rows, std::size_t stride, std::size_t first,
                     std::size_t last) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = first; c < last; ++c) include_checked(c, data[r * stride + c]);
    }
  }

  [[gnu::always_inline]] void include(std::size_t c, float low, float high) {
    min_[c] = std::min(min_[c], low + 0.0F);
    max_[c] = std::max(max_[c], high + 0.0F);
  }

  [[gnu::always_inline]] void include_checked(std::size_t c, float v) {
    if (std::isnan(v)) {
      ++nans_;
    } else if (std::isinf(v)) {
      ++infinities_;
    } else {
      include(c, v, v);
      ++count_;
    }
  }

  std::vector<float> min_;
  std::vector<float> max_;
  std::uint64_t count_ = 0;
  std::uint64_t nans_ = 0;
  std::uint64_t infinities_ = 0;
};

}  // namespace refcalib
