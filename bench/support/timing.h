#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace refcalib_bench {

/// Seconds that one call takes.
template <class F>
double seconds_of(const F& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The middle of `values`, which must not be empty.
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Times of two things that took turns: other work on the machine and its clock meet both alike.
struct Turns {
  std::vector<double> first, second;  ///< seconds

  double first_median() const { return median(first); }
  double second_median() const { return median(second); }
  /// Median of the turns' first / second.
  double ratio() const {
    std::vector<double> ratios(first.size());
    for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] = first[i] / second[i];
    return median(std::move(ratios));
  }
};

}  // namespace refcalib_bench
