#pragma once

// The threshold searches behind one signature, and their table. A new method is a function in a header of its
// own and one row in kThresholdMethods.

#include <array>
#include <refcalib/histogram.hpp>
#include <refcalib/threshold_kl.hpp>
#include <refcalib/threshold_mse.hpp>
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
  double percent = 99.99;  ///< threshold_percentile: share of the non-zero values that is kept
};

/// A search: from a histogram to the range that choose_symmetric or choose_asymmetric turns into parameters.
using ThresholdFunction = Range (*)(const Histogram&, Levels, Scheme, const ThresholdOptions&);

struct ThresholdMethod {
  std::string_view name;
  ThresholdFunction search;
};

inline constexpr std::array<ThresholdMethod, 4> kThresholdMethods{{
    {"minmax", [](const Histogram& h, Levels l, Scheme s,
                  const ThresholdOptions&) { return threshold_minmax(h, l, s); }},
    {"percentile", [](const Histogram& h, Levels l, Scheme s,
                      const ThresholdOptions& o) { return threshold_percentile(h, l, s, o.percent); }},
    {"kl", [](const Histogram& h, Levels l, Scheme s,
              const ThresholdOptions& o) { return threshold_kl(h, l, s, o.kl); }},
    {"mse", [](const Histogram& h, Levels l, Scheme s,
               const ThresholdOptions& o) { return threshold_mse(h, l, s, o.mse); }},
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
[[nodiscard]] inline QuantParams choose_params(const Histogram& histogram, Levels levels, Scheme scheme,
                                               const ThresholdMethod& method,
                                               const ThresholdOptions& options = {}) {
  const Range range = method.search(histogram, levels, scheme, options);
  return scheme == Scheme::symmetric ? choose_symmetric(range, levels) : choose_asymmetric(range, levels);
}

}  // namespace refcalib
