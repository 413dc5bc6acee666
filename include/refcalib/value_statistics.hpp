#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/exact_sum.hpp>
#include <refcalib/histogram.hpp>
#include <refcalib/types.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace refcalib {

/// What was seen of one value (one tensor of a network) over all samples. A plain value: merging is exact, so
/// it does not matter how the samples were divided, and nothing in it depends on instruction sets.
struct ValueStatistics {
  Histogram histogram;
  /// The dimension of the tensor that counts channels, and their number.
  std::uint32_t channel_axis = 1;
  /// Extremes of each channel over all samples, NaN left out; {+inf, -inf} before the first sample.
  std::vector<float> channel_min, channel_max;
  /// Sums over the samples of each channel's mean, and of the mean of its squares.
  std::vector<ExactSum> mean_sum, square_sum;
  std::uint64_t observations = 0;  ///< samples that the sums are over

  /// Extremes of the tensor in each sample, in the order of Statistics::samples; empty if they are not kept.
  std::vector<Range> sample_ranges;
  /// The same for each channel, [sample][channel]; empty unless a method asked for them.
  std::vector<Range> sample_channel_ranges;

  ValueStatistics() = default;
  ValueStatistics(std::size_t channels, std::uint32_t axis)
      : channel_axis(axis),
        channel_min(channels, std::numeric_limits<float>::infinity()),
        channel_max(channels, -std::numeric_limits<float>::infinity()),
        mean_sum(channels),
        square_sum(channels) {}

  [[nodiscard]] std::size_t channels() const { return channel_min.size(); }
  /// Mean of each channel over all samples, every sample with the same weight.
  [[nodiscard]] std::vector<float> channel_means() const;
  /// Standard deviation of each channel.
  [[nodiscard]] std::vector<float> channel_deviations() const;

  /// As if the other's samples had been seen here, behind the own ones. Throws std::invalid_argument if the
  /// channels differ.
  void merge(const ValueStatistics& other);

  friend bool operator==(const ValueStatistics&, const ValueStatistics&) = default;
};

/// Where elements of one sample lie: element i of channel c is data[c * channel_stride + i * stride]. Either
/// channels are next to each other (channels last: channel_stride 1, stride = distance of pixels, at least
/// `channels`), or the elements of a channel are (planar: stride 1, channel_stride at least `count`).
struct SampleView {
  const float* data;
  std::size_t channels;
  std::size_t count;  ///< elements of each channel
  std::size_t channel_stride, stride;
};

/// Which records are kept of every single sample.
struct SampleRecords {
  bool ranges = true;           ///< extremes of each tensor: 8 bytes for a sample and value
  bool channel_ranges = false;  ///< extremes of each channel: 8 bytes for a sample, value and channel
  [[nodiscard]] constexpr bool any() const { return ranges || channel_ranges; }
  friend bool operator==(const SampleRecords&, const SampleRecords&) = default;
};

/// Fills a ValueStatistics sample by sample.
class ValueObserver {
 public:
  ValueObserver(std::size_t channels, std::uint32_t axis, SampleRecords records = {})
      : seen_(channels, axis),
        records_(records),
        padded_((channels + detail::kChannelPadding - 1) / detail::kChannelPadding * detail::kChannelPadding),
        low_(padded_),
        high_(padded_),
        sum_(channels),
        square_(channels),
        block_(2 * padded_) {}

  /// Looks at one sample. Throws std::invalid_argument if it has another number of channels or lies
  /// in memory in another way than SampleView allows.
  void add(const SampleView& sample, const HistogramKernel& kernel = histogram_kernel<>()) {
    add(std::span(&sample, 1), kernel);
  }
  /// A sample in several pieces, each with elements of all channels.
  void add(std::span<const SampleView> pieces, const HistogramKernel& kernel = histogram_kernel<>());
  /// Another sample to which the tensor that was seen last belongs too.
  void repeat();

  [[nodiscard]] const ValueStatistics& statistics() const { return seen_; }
  /// Hands over what was seen, and starts anew.
  [[nodiscard]] ValueStatistics take() {
    return std::exchange(seen_, ValueStatistics(seen_.channels(), seen_.channel_axis));
  }

 private:
  void scan_rows(const SampleView& sample, const HistogramKernel& kernel);
  void scan_planes(const SampleView& sample, const HistogramKernel& kernel);
  [[nodiscard]] Range sample_range() const;

  /// Sums are taken in float over so many elements of a channel and then in double, in both orders of memory.
  static constexpr std::size_t kBlock = detail::kSumRows;

  ValueStatistics seen_;
  SampleRecords records_;
  std::size_t padded_;                ///< channels and padding
  std::vector<float> low_, high_;     ///< of the current sample, padded
  std::vector<double> sum_, square_;  ///< of the current sample, then its means
  std::vector<float> block_;          ///< sums of the current block, then its squares
};

inline std::vector<float> ValueStatistics::channel_means() const {
  std::vector<float> means;
  const auto n = static_cast<double>(std::max<std::uint64_t>(observations, 1));
  for (const ExactSum& sum : mean_sum) means.push_back(static_cast<float>(sum.value() / n));
  return means;
}

inline std::vector<float> ValueStatistics::channel_deviations() const {
  std::vector<float> deviations;
  const auto n = static_cast<double>(std::max<std::uint64_t>(observations, 1));
  for (std::size_t c = 0; c < channels(); ++c) {
    const double mean = mean_sum[c].value() / n;
    deviations.push_back(
        static_cast<float>(std::sqrt(std::max(0.0, square_sum[c].value() / n - mean * mean))));
  }
  return deviations;
}

inline void ValueStatistics::merge(const ValueStatistics& other) {
  if (other.channels() != channels() || other.channel_axis != channel_axis)
    throw std::invalid_argument("ValueStatistics: merging " + std::to_string(other.channels()) +
                                " channels of dimension " + std::to_string(other.channel_axis) + " into " +
                                std::to_string(channels()) + " of dimension " + std::to_string(channel_axis));
  histogram.merge(other.histogram);
  for (std::size_t c = 0; c < channels(); ++c) {
    channel_min[c] = std::min(channel_min[c], other.channel_min[c]);
    channel_max[c] = std::max(channel_max[c], other.channel_max[c]);
    mean_sum[c].add(other.mean_sum[c]);
    square_sum[c].add(other.square_sum[c]);
  }
  observations += other.observations;
  sample_ranges.insert(sample_ranges.end(), other.sample_ranges.begin(), other.sample_ranges.end());
  sample_channel_ranges.insert(sample_channel_ranges.end(), other.sample_channel_ranges.begin(),
                               other.sample_channel_ranges.end());
}

inline void ValueObserver::add(std::span<const SampleView> pieces, const HistogramKernel& kernel) {
  std::fill(low_.begin(), low_.end(), std::numeric_limits<float>::infinity());
  std::fill(high_.begin(), high_.end(), -std::numeric_limits<float>::infinity());
  std::fill(sum_.begin(), sum_.end(), 0.0);
  std::fill(square_.begin(), square_.end(), 0.0);
  std::size_t count = 0;
  for (const SampleView& piece : pieces) {
    if (piece.channels != seen_.channels())
      throw std::invalid_argument("ValueObserver: another number of channels");
    if (piece.stride == 1 && piece.channel_stride >= piece.count) {
      seen_.histogram.update(piece.data, piece.channels, piece.count, piece.channel_stride, kernel);
      scan_planes(piece, kernel);
    } else if (piece.channel_stride == 1) {
      scan_rows(piece, kernel);
    } else {
      throw std::invalid_argument(
          "ValueObserver: neither the channels nor their elements are next to each other");
    }
    count += piece.count;
  }
  const auto n = static_cast<double>(std::max<std::size_t>(count, 1));
  for (std::size_t c = 0; c < seen_.channels(); ++c) {
    // Adding zero turns -0 into +0: which of them came first depends on the order of the samples.
    low_[c] += 0.0F;
    high_[c] += 0.0F;
    sum_[c] /= n;
    square_[c] /= n;
  }
  repeat();
}

// In the extremes NaN is skipped: every comparison with it is false.

/// Stretches of rows that fit a cache are scanned and then counted.
inline void ValueObserver::scan_rows(const SampleView& sample, const HistogramKernel& kernel) {
  constexpr std::size_t stretch_values = 32768;
  const std::size_t blocks = stretch_values / (kBlock * std::max<std::size_t>(sample.channels, 1));
  const std::size_t stretch = std::max<std::size_t>(blocks, 1) * kBlock;
  if (sample.channels == 0 || sample.count == 0) return;
  const std::size_t size = (sample.count - 1) * sample.stride + sample.channels;
  const detail::ChannelSeen seen{low_.data(), high_.data(),  block_.data(), block_.data() + padded_,
                                 sum_.data(), square_.data()};
  for (std::size_t first = 0; first < sample.count; first += stretch) {
    const std::size_t end = std::min(first + stretch, sample.count);
    bool finite = true;
    for (std::size_t i = first; i < end; i += kBlock)
      finite &= kernel.scan_channels(sample.data + i * sample.stride, std::min(kBlock, end - i),
                                     sample.stride, sample.channels, size - i * sample.stride, seen);
    const Range range = sample_range();
    finite = finite && std::isfinite(range.min) && std::isfinite(range.max);
    seen_.histogram.update(sample.data + first * sample.stride, end - first, sample.channels, sample.stride,
                           kernel, finite ? &range : nullptr);
  }
}

inline void ValueObserver::scan_planes(const SampleView& sample, const HistogramKernel& kernel) {
  // Neighbouring blocks of a plane, side by side, are what rows of channels are.
  constexpr std::size_t wide = detail::kChannelPadding, tile_size = wide * kBlock;
  float tile[tile_size] = {}, low[2 * wide], high[2 * wide], work[2 * wide];
  double total[wide], total_square[wide];
  const detail::ChannelSeen seen{low, high, work, work + wide, total, total_square};
  for (std::size_t c = 0; c < sample.channels; ++c) {
    const float* const plane = sample.data + c * sample.channel_stride;
    for (std::size_t first = 0; first < sample.count; first += tile_size) {
      const std::size_t count = std::min(tile_size, sample.count - first);
      const std::size_t blocks = (count + kBlock - 1) / kBlock;
      std::fill(low, low + wide, low_[c]);
      std::fill(high, high + wide, high_[c]);
      std::fill(total, total + wide, 0.0);
      std::fill(total_square, total_square + wide, 0.0);
      // The last block may be shorter than the others.
      const std::size_t whole = count / kBlock, rest = count % kBlock;
      for (std::size_t b = 0; b < whole; ++b)
        for (std::size_t i = 0; i < kBlock; ++i) tile[i * wide + b] = plane[first + b * kBlock + i];
      if (whole > 0) kernel.scan_channels(tile, kBlock, wide, whole, tile_size, seen);
      if (rest > 0) {
        const detail::ChannelSeen last{low + whole, high + whole,  work,
                                       work + wide, total + whole, total_square + whole};
        kernel.scan_channels(plane + first + whole * kBlock, rest, 1, 1, rest, last);
      }
      for (std::size_t b = 0; b < blocks; ++b) {
        low_[c] = std::min(low_[c], low[b]);
        high_[c] = std::max(high_[c], high[b]);
        sum_[c] += total[b];
        square_[c] += total_square[b];
      }
    }
  }
}

/// Extremes of the current sample so far.
inline Range ValueObserver::sample_range() const {
  // Lanes of their own: one minimum would be a chain, and compilers do not divide it.
  constexpr std::size_t lanes = 8;
  float low[lanes], high[lanes];
  std::fill(low, low + lanes, std::numeric_limits<float>::infinity());
  std::fill(high, high + lanes, -std::numeric_limits<float>::infinity());
  const std::size_t channels = seen_.channels(), whole = channels / lanes * lanes;
  for (std::size_t c = 0; c < whole; c += lanes)
    for (std::size_t l = 0; l < lanes; ++l) {
      low[l] = std::min(low[l], low_[c + l]);
      high[l] = std::max(high[l], high_[c + l]);
    }
  for (std::size_t c = whole; c < channels; ++c) {
    low[0] = std::min(low[0], low_[c]);
    high[0] = std::max(high[0], high_[c]);
  }
  return {*std::min_element(low, low + lanes), *std::max_element(high, high + lanes)};
}

inline void ValueObserver::repeat() {
  for (std::size_t c = 0; c < seen_.channels(); ++c) {
    seen_.channel_min[c] = std::min(seen_.channel_min[c], low_[c]);
    seen_.channel_max[c] = std::max(seen_.channel_max[c], high_[c]);
    seen_.mean_sum[c].add(sum_[c]);
    seen_.square_sum[c].add(square_[c]);
    if (records_.channel_ranges) seen_.sample_channel_ranges.push_back({low_[c], high_[c]});
  }
  if (records_.ranges) seen_.sample_ranges.push_back(sample_range());
  ++seen_.observations;
}

}  // namespace refcalib
