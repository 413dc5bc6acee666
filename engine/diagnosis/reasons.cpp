#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "engine/diagnosis/evidence.h"

namespace refcalib::engine {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string percent(double share) {
  return number(100 * share) + " %";
}

/// The channel with the largest share of the error, and that share.
struct WorstChannel {
  std::size_t channel = 0;
  double share = 0;
};
WorstChannel worst_channel(const ValueError& error) {
  WorstChannel worst;
  const double all = std::max(error.error_energy(), 1e-300);
  for (std::size_t c = 0; c < error.channels.size(); ++c)
    if (const double share = error.channels[c].error_squares / all; share > worst.share) worst = {c, share};
  return worst;
}

/// Extremes of the float value over all channels.
QuantizationRange extremes(const ValueError& error) {
  QuantizationRange all{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()};
  for (const ChannelError& channel : error.channels) {
    all.low = std::min(all.low, channel.reference_min);
    all.high = std::max(all.high, channel.reference_max);
  }
  return all;
}

double reach(const ChannelError& channel) {
  return std::max(std::abs(static_cast<double>(channel.reference_min)),
                  std::abs(static_cast<double>(channel.reference_max)));
}

/// The largest of the numbers against the median of those that are not zero.
struct Outlier {
  std::size_t index = 0;
  double ratio = 1;
};
Outlier outlier(const std::vector<double>& numbers) {
  std::vector<double> sorted;
  for (const double n : numbers)
    if (n > 0) sorted.push_back(n);
  if (sorted.size() < 2) return {};
  std::sort(sorted.begin(), sorted.end());
  const auto largest = std::max_element(numbers.begin(), numbers.end());
  return {static_cast<std::size_t>(largest - numbers.begin()), *largest / sorted[(sorted.size() - 1) / 2]};
}

std::optional<Finding> dead_channel(const Evidence& e) {
  const WorstChannel worst = worst_channel(e.error);
  const ChannelError& channel = e.error.channels[worst.channel];
  if (worst.share < 0.3 || channel.other_variance() > 1e-4 * channel.reference_variance())
    return std::nullopt;
  return Finding{"dead channel",
                 "channel " + std::to_string(worst.channel) + " does not vary any more and makes " +
                     percent(worst.share) + " of the layer's error",
                 worst.channel};
}

std::optional<Finding> outlier_gain(const Evidence& e) {
  const WorstChannel worst = worst_channel(e.error);
  const double gain = e.error.channels[worst.channel].gain();
  if (worst.share < 0.5 || e.error.channels.size() < 2 || std::abs(gain - 1) < 0.1) return std::nullopt;
  return Finding{"outlier channel",
                 "channel " + std::to_string(worst.channel) + " is " + number(gain) +
                     " times that of the float model and makes " + percent(worst.share) +
                     " of the layer's error",
                 worst.channel};
}

std::optional<Finding> outlier_weights(const Evidence& e) {
  const Outlier found = outlier(e.weight_reach);
  constexpr double much = 8;
  // With one scale per channel an outlier takes nothing from the others: then they keep their gain.
  double lost = 0;
  for (const ChannelError& channel : e.error.channels) lost = std::max(lost, std::abs(channel.gain() - 1));
  if (found.ratio < much || lost < 0.05) return std::nullopt;
  return Finding{"outlier channel",
                 "the weights of output channel " + std::to_string(found.index) + " reach " +
                     number(found.ratio) +
                     " times as far as those of the median channel, and the others share their scale",
                 found.index};
}

std::optional<Finding> clipped_weights(const Evidence& e) {
  if (e.clipped_weights <= 0.001) return std::nullopt;
  return Finding{"clipping", percent(e.clipped_weights) + " of the weights lie outside their limits", {}};
}

/// All channels are off by the same factor.
std::optional<Finding> wrong_weights(const Evidence& e) {
  double mean = 0, explained = 0, varying = 0;
  const auto channels = static_cast<double>(e.error.channels.size());
  for (const ChannelError& channel : e.error.channels) {
    mean += channel.gain() / channels;
    // What is constant belongs to the bias, which is not scaled.
    explained += std::pow(channel.gain() - 1, 2) * channel.reference_variance() * channel.count;
    varying += channel.error_squares - std::pow(channel.mean_shift(), 2) * channel.count;
  }
  const bool common =
      std::all_of(e.error.channels.begin(), e.error.channels.end(), [&](const ChannelError& channel) {
        return std::abs(channel.gain() - mean) < 0.2 * std::abs(mean - 1);
      });
  if (!common || explained < 0.5 * varying) return std::nullopt;
  return Finding{
      "wrong scale", "the layer gives " + number(mean) + " times the values of the float model", {}};
}

std::optional<Finding> rounded_weights(const Evidence&) {
  return Finding{"rounding of weights", "no channel stands out", {}};
}

std::optional<Finding> bias_shift(const Evidence& e) {
  std::size_t worst = 0;
  for (std::size_t c = 0; c < e.bias_shift.size(); ++c)
    if (std::abs(e.bias_shift[c]) > std::abs(e.bias_shift[worst])) worst = c;
  if (e.bias_shift.empty()) return Finding{"bias shift", "the bias differs", {}};
  return Finding{"bias shift",
                 "the bias of channel " + std::to_string(worst) + " differs by " +
                     number(static_cast<double>(e.bias_shift[worst])),
                 worst};
}

std::optional<Finding> clipping(const Evidence& e) {
  if (e.clipped_share < 0.5) return std::nullopt;
  const QuantizationRange data = extremes(e.error);
  QuantizationRange limits = e.change->stored.front();
  for (const QuantizationRange& range : e.change->stored)
    limits = {std::min(limits.low, range.low), std::max(limits.high, range.high)};
  return Finding{"clipping",
                 "values reach from " + number(static_cast<double>(data.low)) + " to " +
                     number(static_cast<double>(data.high)) + ", the limits from " +
                     number(static_cast<double>(limits.low)) + " to " +
                     number(static_cast<double>(limits.high)) + ": what is cut off makes " +
                     percent(e.clipped_share) + " of the error",
                 {}};
}

/// The part of the limits that the float values use.
double used_part(const Evidence& e) {
  const QuantizationRange data = extremes(e.error), limits = e.change->stored.front();
  const double width = static_cast<double>(limits.high) - static_cast<double>(limits.low);
  return width <= 0 ? 1 : (static_cast<double>(data.high) - static_cast<double>(data.low)) / width;
}

std::optional<Finding> shared_scale(const Evidence& e) {
  if (e.change->shares_with.empty() || used_part(e) > 1.0 / 3) return std::nullopt;
  return Finding{"shared concat scale",
                 "it uses " + percent(used_part(e)) + " of limits that it shares with " +
                     std::to_string(e.change->shares_with.size() - 1) + " other inputs of a concatenation",
                 {}};
}

std::optional<Finding> not_centred(const Evidence& e) {
  const QuantizationRange data = extremes(e.error);
  const auto low = static_cast<double>(data.low), high = static_cast<double>(data.high);
  const double away = low > 0 ? low : high < 0 ? -high : 0;
  if (away < high - low) return std::nullopt;
  return Finding{"non-zero-centred activation",
                 "values lie between " + number(low) + " and " + number(high) +
                     ", and the limits reach to zero: " + percent(used_part(e)) + " of the levels are used",
                 {}};
}

std::optional<Finding> outlier_values(const Evidence& e) {
  if (e.change->stored.size() > 1) return std::nullopt;
  std::vector<double> reaches;
  for (const ChannelError& channel : e.error.channels) reaches.push_back(reach(channel));
  const Outlier found = outlier(reaches);
  constexpr double much = 6;
  if (found.ratio < much) return std::nullopt;
  return Finding{"outlier channel",
                 "channel " + std::to_string(found.index) + " reaches " + number(found.ratio) +
                     " times as far as the median channel and sets the step of all",
                 found.index};
}

std::optional<Finding> wide_limits(const Evidence& e) {
  if (used_part(e) > 0.5) return std::nullopt;
  return Finding{"limits too wide", "values use " + percent(used_part(e)) + " of the limits", {}};
}

std::optional<Finding> rounded_values(const Evidence&) {
  return Finding{"rounding of values", "256 levels over the range of the values", {}};
}

}  // namespace

const std::vector<Reason>& reasons() {
  static const std::vector<Reason> table = {
      {"dead channel", Part::weights, dead_channel, {"weights anew", "float"}},
      {"clipping", Part::weights, clipped_weights, {"weights anew", "float"}},
      {"wrong scale", Part::weights, wrong_weights, {"weights anew", "float"}},
      {"outlier channel", Part::weights, outlier_gain, {"weights anew", "float"}},
      {"outlier channel", Part::weights, outlier_weights, {"weights anew", "float"}},
      {"rounding of weights", Part::weights, rounded_weights, {"weights anew", "float"}},
      {"bias shift", Part::bias, bias_shift, {"bias of the float model", "float"}},
      {"clipping", Part::value, clipping, {"all values", "float"}},
      {"shared concat scale", Part::value, shared_scale, {"limits of its own", "float"}},
      {"non-zero-centred activation", Part::value, not_centred, {"move to zero", "float"}},
      {"outlier channel", Part::value, outlier_values, {"scale per channel", "all values", "float"}},
      {"limits too wide", Part::value, wide_limits, {"all values", "float"}},
      {"rounding of values", Part::value, rounded_values, {"scale per channel", "float"}},
  };
  return table;
}

Verdict judge(const Evidence& evidence) {
  for (const Reason& reason : reasons()) {
    if (reason.part != evidence.part) continue;
    if (auto finding = reason.find(evidence)) return {std::move(*finding), reason.remedies};
  }
  return {};
}

}  // namespace refcalib::engine
