#include "apps/refcalib/bench_statistics.h"

#include <algorithm>
#include <cmath>

namespace refcalib::app {

double quantile(std::span<const double> ascending, double q) {
  const double position = q * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] + (position - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

Statistics summarize(std::vector<double> values) {
  Statistics s;
  if (values.empty()) return s;
  std::sort(values.begin(), values.end());
  s.count = values.size();
  s.min = values.front();
  s.max = values.back();
  s.median = quantile(values, 0.5);
  s.p10 = quantile(values, 0.1);
  s.p90 = quantile(values, 0.9);
  s.p99 = quantile(values, 0.99);

  const double q1 = quantile(values, 0.25), q3 = quantile(values, 0.75), reach = 1.5 * (q3 - q1);
  const auto first = std::lower_bound(values.begin(), values.end(), q1 - reach);
  const auto last = std::upper_bound(first, values.end(), q3 + reach);
  const auto kept =
      static_cast<double>(last - first);  // the quartiles lie between values, so at least one stays
  s.outliers = values.size() - static_cast<std::size_t>(last - first);
  double sum = 0;
  for (auto it = first; it != last; ++it) sum += *it;
  s.mean = sum / kept;
  double squares = 0;
  for (auto it = first; it != last; ++it) squares += (*it - s.mean) * (*it - s.mean);
  s.standard_deviation = kept > 1 ? std::sqrt(squares / (kept - 1)) : 0.0;
  return s;
}

std::vector<double> pairwise_ratios(std::span<const double> numerator, std::span<const double> denominator) {
  std::vector<double> ratios(std::min(numerator.size(), denominator.size()));
  for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] = numerator[i] / denominator[i];
  return ratios;
}

}  // namespace refcalib::app
