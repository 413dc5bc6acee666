#include "engine/diagnosis/channel_error.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace refcalib::engine {

void ChannelError::add(float reference, float other) {
  const auto r = static_cast<double>(reference), o = static_cast<double>(other);
  reference_min = count > 0 ? std::min(reference_min, reference) : reference;
  reference_max = count > 0 ? std::max(reference_max, reference) : reference;
  ++count;
  reference_sum += r;
  other_sum += o;
  reference_squares += r * r;
  other_squares += o * o;
  products += r * o;
  error_squares += (o - r) * (o - r);
}

double ChannelError::reference_variance() const noexcept {
  return count > 0 ? std::max(0.0, reference_squares / count - std::pow(reference_sum / count, 2)) : 0;
}

double ChannelError::other_variance() const noexcept {
  return count > 0 ? std::max(0.0, other_squares / count - std::pow(other_sum / count, 2)) : 0;
}

double ChannelError::gain() const noexcept {
  const double variance = reference_variance();
  if (variance <= 1e-12 * std::max(1e-30, reference_squares / std::max(count, 1.0))) return 1;
  return (products / count - reference_sum / count * (other_sum / count)) / variance;
}

void ValueError::add(std::span<const float> reference, std::span<const float> other, std::size_t inner) {
  std::size_t channel = 0;
  for (std::size_t first = 0; first < reference.size(); first += inner) {
    for (std::size_t i = first; i < std::min(first + inner, reference.size()); ++i)
      channels[channel].add(reference[i], other[i]);
    channel = channel + 1 == channels.size() ? 0 : channel + 1;
  }
}

double ValueError::error_energy() const noexcept {
  double sum = 0;
  for (const ChannelError& channel : channels) sum += channel.error_squares;
  return sum;
}

double ValueError::reference_energy() const noexcept {
  double sum = 0;
  for (const ChannelError& channel : channels) sum += channel.reference_squares;
  return sum;
}

double ValueError::sqnr_db() const noexcept {
  return decibels(reference_energy(), error_energy());
}

double decibels(double signal, double noise) noexcept {
  if (noise <= 0) return std::numeric_limits<double>::infinity();
  if (signal <= 0) return -std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

}  // namespace refcalib::engine
