#pragma once

// The threshold searches behind one signature, and their table. A new method is a function in a header of its
// own and one row in kThresholdMethods.

#include <array>
#include <refcalib/histogram.hpp>
#include <refcalib/threshold_aciq.hpp>
#include <refcalib/threshold_image_percentile.hpp>
#include <refcalib/threshold_input.hpp>
#include <refcalib/threshold_kl.hpp>
#include <refcalib/threshold_mean_minmax.hpp>
#include <refcalib/threshold_minmax.hpp>
#include <refcalib/threshold_moving_average.hpp>
#include <refcalib/threshold_mse.hpp>
#include <refcalib/threshold_octav.hpp>
#include <refcalib/threshold_percentile.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace refcalib {

/// The options of all methods; each reads its own.
struct ThresholdOptions {
  KlOptions kl;
  MseOptions mse;
  PercentileOptions percentile;
  ImagePercentileOptions image_percentile;
  MovingAverageOptions moving_average;
  OctavOptions octav;
};

/// A search: from what was seen to the range that choose_symmetric or choose_asymmetric turns into
/// parameters.
using ThresholdFunction = Range (*)(const ThresholdInput&, Levels, Scheme, const ThresholdOptions&);

struct ThresholdMethod {
  std::string_view name;
  ThresholdNeeds needs;
  ThresholdFunction search;
};

inline constexpr std::array<ThresholdMethod, 10> kThresholdMethods{{
    {"minmax", ThresholdNeeds::histogram,
     [](const auto& in, Levels l, Scheme s, const auto&) { return threshold_minmax(in.histogram, l, s); }},
    {"mean-minmax", ThresholdNeeds::image_extremes,
     [](const auto& in, Levels l, Scheme s, const auto&) { return threshold_mean_minmax(in, l, s); }},
    {"moving-average", ThresholdNeeds::image_extremes,
     [](const auto& in, Levels l, Scheme s, const auto& o) {
       return threshold_moving_average(in, l, s, o.moving_average);
     }},
    {"percentile", ThresholdNeeds::histogram,
     [](const auto& in, Levels l, Scheme s, const auto& o) {
       return threshold_percentile(in.histogram, l, s, o.percentile);
     }},
    {"image-percentile", ThresholdNeeds::channel_extremes,
     [](const auto& in, Levels l, Scheme s, const auto& o) {
       return threshold_image_percentile(in, l, s, o.image_percentile);
     }},
    {"kl", ThresholdNeeds::histogram,
     [](const auto& in, Levels l, Scheme s, const auto& o) {
       return threshold_kl(in.histogram, l, s, o.kl);
     }},
    {"mse", ThresholdNeeds::histogram,
     [](const auto& in, Levels l, Scheme s, const auto& o) {
       return threshold_mse(in.histogram, l, s, o.mse);
     }},
    {"aciq-gauss", ThresholdNeeds::histogram,
     [](const auto& in, Levels l, Scheme s, const auto&) {
       return threshold_aciq(in.histogram, l, s, AciqDistribution::gauss);
     }},
    {"aciq-laplace", ThresholdNeeds::histogram,
     [](const auto& in, Levels l, Scheme s, const auto&) {
       return threshold_aciq(in.histogram, l, s, AciqDistribution::laplace);
     }},
    {"octav", ThresholdNeeds::histogram,
     [](const auto& in, Levels l, Scheme s, const auto& o) {
       return threshold_octav(in.histogram, l, s, o.octav);
     }},
}};

/// All methods, in the order in which they should be listed.
[[nodiscard]] inline std::span<const ThresholdMethod> threshold_methods() {
  return kThresholdMethods;
}

/// The method of that name (lower case). Throws std::invalid_argument that lists the accepted names for any
/// other.
[[nodiscard]] inline const ThresholdMethod& find_threshold_method(std::string_view name) {
  std::string known;
  for (const ThresholdMethod& method : kThresholdMethods) {
    if (method.name == name) return method;
    known += (known.empty() ? "" : ", ") + std::string(method.name);
  }
  throw std::invalid_argument("unknown threshold method \"" + std::string(name) + "\"; known: " + known);
}

/// A range by any method, straight to parameters: choose_symmetric or choose_asymmetric of what the search
/// returns.
[[nodiscard]] inline QuantParams choose_params(const ThresholdInput& input, Levels levels, Scheme scheme,
                                               const ThresholdMethod& method,
                                               const ThresholdOptions& options = {}) {
  const Range range = method.search(input, levels, scheme, options);
  return scheme == Scheme::symmetric ? choose_symmetric(range, levels) : choose_asymmetric(range, levels);
}

}  // namespace refcalib
