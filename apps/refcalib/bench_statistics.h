#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace refcalib::app {

/// Summary of repeated measurements of one quantity, all in its unit.
struct Statistics {
  std::size_t count = 0;     ///< measurements
  std::size_t outliers = 0;  ///< left out of mean and deviation
  double median = 0, min = 0, max = 0, p10 = 0, p90 = 0, p99 = 0;
  double mean = 0;                ///< without outliers
  double standard_deviation = 0;  ///< without outliers; with n - 1, 0 for a single value
};

/// Quantile q in [0, 1] of ascending values by linear interpolation at q (n - 1) (Hyndman and Fan, Sample
/// Quantiles in Statistical Packages, 1996, definition 7); q = 0.5 is the median. Values must not be empty.
double quantile(std::span<const double> ascending, double q);

/// Outliers lie outside Tukey's fences [Q1 - 1.5 (Q3 - Q1), Q3 + 1.5 (Q3 - Q1)]; they take no part in mean
/// and standard deviation, only these. All zero for no values. Values are finite.
Statistics summarize(std::vector<double> values);

/// numerator[i] / denominator[i] for pairs of measurements taken one after the other; the shorter list
/// counts. Denominators are positive.
std::vector<double> pairwise_ratios(std::span<const double> numerator, std::span<const double> denominator);

}  // namespace refcalib::app
