#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace refcalib::engine {

/// How the values of one channel of a network moved from those of a reference.
struct ChannelError {
  double count = 0;
  double reference_sum = 0, reference_squares = 0;
  double other_sum = 0, other_squares = 0, products = 0, error_squares = 0;
  float reference_min = 0, reference_max = 0;  ///< of finite values; both 0 before the first

  void add(float reference, float other);

  double mean_shift() const noexcept { return count > 0 ? (other_sum - reference_sum) / count : 0; }
  double reference_variance() const noexcept;
  double other_variance() const noexcept;
  /// Slope of the best line from the reference to the other, 1 if the reference does not vary.
  double gain() const noexcept;
};

/// The same for all channels of one value.
struct ValueError {
  std::vector<ChannelError> channels;

  /// Elements in the order of the file: [outer][channels][inner].
  void add(std::span<const float> reference, std::span<const float> other, std::size_t inner);

  double error_energy() const noexcept;
  double reference_energy() const noexcept;
  /// Signal to noise in decibels: infinite without an error.
  double sqnr_db() const noexcept;
};

/// 10 log10(signal / noise); infinite without noise, minus infinite without a signal.
double decibels(double signal, double noise) noexcept;

}  // namespace refcalib::engine
