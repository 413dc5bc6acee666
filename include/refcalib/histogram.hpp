#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <refcalib/detail/histogram_kernel.hpp>
#include <refcalib/types.hpp>
#include <span>
#include <stdexcept>
#include <vector>

namespace refcalib {

/// The loops of Histogram::update for one architecture: histogram_kernel<Arch>(). See Histogram::update.
using HistogramKernel = detail::HistogramKernel;

/// Kernels compiled with the instruction set Arch; the call must be compiled with flags that allow Arch.
template <class Arch = DefaultArch>
[[nodiscard]] constexpr HistogramKernel histogram_kernel() {
  return detail::histogram_kernel<Arch>();
}

/// Everything a Histogram knows, as plain data, for files and messages.
struct HistogramState {
  int exponent;                         ///< all finite |x| < 2^exponent
  std::vector<std::uint64_t> positive;  ///< counts of x > 0, Histogram::kBins of them
  std::vector<std::uint64_t> negative;  ///< counts of x < 0 by magnitude: empty if there is none, else kBins
  std::uint64_t zeros;                  ///< exact +0 and -0
  std::uint64_t nans;
  std::uint64_t infinities;  ///< of either sign
  float min;                 ///< of the finite values; 0 without any
  float max;
};

/// An exactly mergeable histogram of floats.
///
/// Each sign has kBins uniform bins over the magnitudes [0, 2^e): bin i holds i * w <= |x| < (i + 1) * w with
/// w = 2^e / kBins. 2^e is the smallest power of two above every finite magnitude seen, but at least
/// 2^kMinExponent. When a value reaches 2^e, e grows and 2^k neighbouring bins are added into one. Bin edges
/// of the wider grid are edges of the finer one, so nothing is approximated: the state depends on the
/// multiset of values alone, not on their order, batching or distribution over histograms that are merged
/// later. Two states are equal exactly if their counts are.
///
/// Counts are 64-bit. Exact zeros are counted apart from the bins (after a ReLU they are most of the data and
/// say nothing about the range), and so are NaN and infinities, which are otherwise ignored. Memory: 33 KB,
/// 65 KB once a negative value was seen.
class Histogram {
 public:
  static constexpr std::size_t kBins = detail::kHistogramBins;
  /// 2^-114: the reciprocal of the narrowest bin is the finite float 2^126.
  static constexpr int kMinExponent = -114;

  Histogram() : counts_(detail::kNegativeOffset, 0) {}

  /// Rebuilds a histogram from state(). Throws std::invalid_argument if the state is not one that state()
  /// returns: wrong number of bins, an exponent that does not fit min and max, min > max, or bins that
  /// contradict them.
  explicit Histogram(const HistogramState& state);

  /// Counts every value of x. Cost: about half a nanosecond per value; memory outside the second-level cache is
  /// read once. The result does not depend on Arch.
  template <class Arch = DefaultArch>
  void update(std::span<const float> x) {
    update(x, histogram_kernel<Arch>());
  }

  /// The same with kernels chosen at run time.
  void update(std::span<const float> x, const HistogramKernel& kernel) {
    update_contiguous(x.data(), x.size(), kernel);
  }

  /// Counts rows * row_length values: element j of row i is data[i * row_stride + j]. This is how a tensor
  /// whose innermost dimension is padded (channels last, row_length channels, row_stride >= row_length) is
  /// seen without its padding. Throws std::invalid_argument if row_stride < row_length.
  template <class Arch = DefaultArch>
  void update(const float* data, std::size_t rows, std::size_t row_length, std::size_t row_stride) {
    update(data, rows, row_length, row_stride, histogram_kernel<Arch>());
  }
  /// `known`, if given, spares a look at the values: all are finite, and each of its ends is one of them or was counted before.
  void update(const float* data, std::size_t rows, std::size_t row_length, std::size_t row_stride,
              const HistogramKernel& kernel, const Range* known = nullptr);

  /// Adds the counts of another histogram, exactly as if its values had been given to update().
  void merge(const Histogram& other);

  /// e: every finite magnitude is below 2^e. kMinExponent if no larger value was seen.
  [[nodiscard]] int exponent() const { return exponent_; }
  /// 2^e / kBins, exact.
  [[nodiscard]] double bin_width() const { return std::ldexp(1.0, exponent_ - kBinsLog2); }
  /// Counts of the values > 0 by magnitude: kBins of them.
  [[nodiscard]] std::span<const std::uint64_t> positive() const { return {counts_.data(), kBins}; }
  /// Counts of the values < 0 by magnitude: kBins of them, or none if no negative value was seen.
  [[nodiscard]] std::span<const std::uint64_t> negative() const {
    if (!has_negative()) return {};
    return {counts_.data() + detail::kNegativeOffset, kBins};
  }
  [[nodiscard]] bool has_negative() const { return counts_.size() > detail::kNegativeOffset; }

  [[nodiscard]] std::uint64_t zero_count() const { return zeros_; }
  [[nodiscard]] std::uint64_t nan_count() const { return nans_; }
  [[nodiscard]] std::uint64_t inf_count() const { return infinities_; }
  /// Finite values, zeros included.
  [[nodiscard]] std::uint64_t count() const { return finite_; }

  /// Smallest and largest finite value; {0, 0} if there is none. Not widened to zero.
  [[nodiscard]] Range range() const { return finite_ == 0 ? Range{0.0F, 0.0F} : Range{min_, max_}; }

  [[nodiscard]] HistogramState state() const;

  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  static constexpr int kBinsLog2 = 12;
  static_assert(std::size_t{1} << kBinsLog2 == kBins);
  /// Values scanned at a time: they are still in the second-level cache when they are counted.
  static constexpr std::size_t kScanBlock = detail::kShortCounts;
  /// Shorter rows are packed into stretches of at most kPacked values.
  static constexpr std::size_t kShortRow = 2048;
  static constexpr std::size_t kPacked = kScanBlock;

  static int exponent_above(float magnitude) {
    int exponent = kMinExponent;
    if (magnitude > 0.0F) std::frexp(magnitude, &exponent);
    return std::max(exponent, kMinExponent);
  }

  /// Adds 2^shift neighbouring bins into one.
  static void coarsen(std::uint64_t* half, int shift) {
    for (std::size_t i = 1; i < kBins; ++i) {
      const std::uint64_t moved = half[i];
      half[i] = 0;
      half[shift < kBinsLog2 ? i >> shift : 0] += moved;
    }
  }

  void update_contiguous(const float* data, std::size_t n, const HistogramKernel& kernel,
                         const Range* known = nullptr);
  detail::FiniteScan examine(const float* data, std::size_t n, const HistogramKernel& kernel);
  detail::FiniteScan widened(detail::FiniteScan scan);
  void grow(int exponent);
  void ensure_negative();

  /// Positive half, trash (zero between updates), negative half once needed.
  std::vector<std::uint64_t> counts_;
  std::uint64_t zeros_ = 0;
  std::uint64_t nans_ = 0;
  std::uint64_t infinities_ = 0;
  std::uint64_t finite_ = 0;
  int exponent_ = kMinExponent;
  float min_ = std::numeric_limits<float>::max();
  float max_ = std::numeric_limits<float>::lowest();
};

inline Histogram::Histogram(const HistogramState& state) : Histogram() {
  const bool bins_ok =
      state.positive.size() == kBins && (state.negative.empty() || state.negative.size() == kBins);
  if (!bins_ok) throw std::invalid_argument("HistogramState: wrong number of bins");
  if (!std::isfinite(state.min) || !std::isfinite(state.max) || state.min > state.max) {
    throw std::invalid_argument("HistogramState: need finite min <= max");
  }
  if (state.exponent != exponent_above(std::max(-state.min, state.max))) {
    throw std::invalid_argument("HistogramState: exponent does not fit min and max");
  }
  const bool wants_negative = state.min < 0.0F;
  if (wants_negative == state.negative.empty()) {
    throw std::invalid_argument("HistogramState: negative bins do not fit min");
  }
  exponent_ = state.exponent;
  std::copy(state.positive.begin(), state.positive.end(), counts_.begin());
  counts_.insert(counts_.end(), state.negative.begin(), state.negative.end());
  zeros_ = state.zeros;
  nans_ = state.nans;
  infinities_ = state.infinities;
  finite_ = zeros_;
  for (const std::uint64_t c : counts_) finite_ += c;
  // Adding zero turns -0 into +0, as update() does.
  if (finite_ > 0) {
    min_ = state.min + 0.0F;
    max_ = state.max + 0.0F;
  } else if (state.min != 0.0F || state.max != 0.0F) {
    throw std::invalid_argument("HistogramState: no values, but min or max is not zero");
  }
  const auto occupied = [&](float value, std::size_t offset) {
    const double bin = std::floor(std::fabs(static_cast<double>(value)) / bin_width());
    return counts_[offset + static_cast<std::size_t>(bin)] > 0;
  };
  if ((state.max > 0.0F && !occupied(state.max, 0)) ||
      (wants_negative && !occupied(state.min, detail::kNegativeOffset))) {
    throw std::invalid_argument("HistogramState: the bin of min or max is empty");
  }
}

inline void Histogram::update(const float* data, std::size_t rows, std::size_t row_length,
                              std::size_t row_stride, const HistogramKernel& kernel, const Range* known) {
  if (row_stride < row_length) throw std::invalid_argument("Histogram::update: row_stride < row_length");
  if (row_stride == row_length || rows <= 1) return update_contiguous(data, rows * row_length, kernel, known);
  if (row_length >= kShortRow) {
    for (std::size_t r = 0; r < rows; ++r)
      update_contiguous(data + r * row_stride, row_length, kernel, known);
    return;
  }
  if (row_length == 0) return;
  // Short rows are packed first: copying is cheap against counting.
  const std::size_t batch = std::min(rows, kPacked / row_length);
  std::vector<float> packed(batch * row_length);
  for (std::size_t r = 0; r < rows; r += batch) {
    const std::size_t count = std::min(batch, rows - r);
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(packed.data() + i * row_length, data + (r + i) * row_stride, row_length * sizeof(float));
    }
    update_contiguous(packed.data(), count * row_length, kernel, known);
  }
}

inline void Histogram::update_contiguous(const float* data, std::size_t n, const HistogramKernel& kernel,
                                         const Range* known) {
  const std::uint64_t nonfinite_before = nans_ + infinities_;
  for (std::size_t first = 0; first < n; first += kScanBlock) {
    const std::size_t count = std::min(kScanBlock, n - first);
    // A stretch without any finite value arrives as min = max = 0.
    const detail::FiniteScan scan =
        known != nullptr ? widened({known->min, known->max, true}) : examine(data + first, count, kernel);
    const bool negative = scan.min < 0.0F;
    if (negative) ensure_negative();
    const int needed = exponent_above(std::max(-scan.min, scan.max));
    if (needed > exponent_) grow(needed);
    const detail::BinScale scale{std::ldexp(1.0F, kBinsLog2 - exponent_), std::ldexp(1.0F, exponent_)};
    kernel.scatter(data + first, count, scale, negative, counts_.data());
  }
  // Whatever is in the trash and neither NaN nor infinite was zero.
  const std::uint64_t nonfinite = nans_ + infinities_ - nonfinite_before;
  std::uint64_t trash = 0;
  for (std::size_t i = kBins; i < detail::kNegativeOffset; ++i) {
    trash += counts_[i];
    counts_[i] = 0;
  }
  zeros_ += trash - nonfinite;
  finite_ += n - nonfinite;
}

/// Minimum and maximum of the finite values of a stretch; NaN and infinities are counted on the way.
inline detail::FiniteScan Histogram::examine(const float* data, std::size_t n,
                                             const HistogramKernel& kernel) {
  detail::FiniteScan scan = kernel.scan(data, n);
  if (!scan.all_finite) {
    scan.min = std::numeric_limits<float>::max();
    scan.max = std::numeric_limits<float>::lowest();
    bool any = false;
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(data[i])) {
        ++nans_;
      } else if (std::isinf(data[i])) {
        ++infinities_;
      } else {
        scan.min = std::min(scan.min, data[i]);
        scan.max = std::max(scan.max, data[i]);
        any = true;
      }
    }
    if (!any) return {0.0F, 0.0F, false};
  }
  return widened(scan);
}

/// The scan, which the range of all values now includes.
inline detail::FiniteScan Histogram::widened(detail::FiniteScan scan) {
  // -0 and +0 are one value; adding zero makes the outcome independent of which came first.
  scan.min += 0.0F;
  scan.max += 0.0F;
  min_ = std::min(min_, scan.min);
  max_ = std::max(max_, scan.max);
  return scan;
}

inline void Histogram::grow(int exponent) {
  const int shift = exponent - exponent_;
  exponent_ = exponent;
  coarsen(counts_.data(), shift);
  if (has_negative()) coarsen(counts_.data() + detail::kNegativeOffset, shift);
}

inline void Histogram::ensure_negative() {
  if (!has_negative()) counts_.resize(detail::kNegativeOffset + kBins, 0);
}

inline void Histogram::merge(const Histogram& other) {
  if (other.exponent_ > exponent_) grow(other.exponent_);
  const int shift = exponent_ - other.exponent_;
  const auto add = [shift](std::span<const std::uint64_t> from, std::uint64_t* to) {
    for (std::size_t i = 0; i < from.size(); ++i) to[shift < kBinsLog2 ? i >> shift : 0] += from[i];
  };
  if (other.has_negative()) ensure_negative();
  add(other.positive(), counts_.data());
  if (other.has_negative()) add(other.negative(), counts_.data() + detail::kNegativeOffset);
  zeros_ += other.zeros_;
  nans_ += other.nans_;
  infinities_ += other.infinities_;
  finite_ += other.finite_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

inline HistogramState Histogram::state() const {
  const Range seen = range();
  return {exponent_,
          {positive().begin(), positive().end()},
          {negative().begin(), negative().end()},
          zeros_,
          nans_,
          infinities_,
          seen.min,
          seen.max};
}

}  // namespace refcalib
