#include "engine/calibration/same_class.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace refcalib::engine {
namespace {

constexpr std::size_t kBestClasses = 10;

}  // namespace

void SameClass::add(std::span<const float> expected, std::span<const float> actual) {
  if (expected.size() < 2 || actual.size() != expected.size()) return;
  std::vector<std::size_t> best(expected.size());
  std::iota(best.begin(), best.end(), std::size_t{0});
  const std::size_t count = std::min(kBestClasses, best.size());
  std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(count), best.end(),
                    [&](std::size_t a, std::size_t b) {
                      return expected[a] != expected[b] ? expected[a] > expected[b] : a < b;
                    });
  best.resize(count);
  double sum = 0, squares = 0;
  for (const std::size_t c : best) {
    const double error = static_cast<double>(actual[c]) - static_cast<double>(expected[c]);
    sum += error;
    squares += error * error;
  }
  const auto n = static_cast<double>(count);
  const double variance = 2 * (squares - sum * sum / n) / (n - 1);
  const double margin = static_cast<double>(expected[best[0]]) - static_cast<double>(expected[best[1]]);
  if (!std::isfinite(variance) || !std::isfinite(margin)) return;
  margins_.push_back(margin);
  variance_ += std::max(0.0, variance);
}

double SameClass::deviation() const noexcept {
  return margins_.empty() ? 0 : std::sqrt(variance_ / static_cast<double>(margins_.size()));
}

double SameClass::expected_share() const noexcept {
  const double deviated = deviation();
  if (deviated == 0) return 1;
  std::vector<double> margins = margins_;
  std::sort(margins.begin(), margins.end());
  const std::size_t small = (margins.size() + 3) / 4;
  const double quartile = margins[small - 1];
  for (std::size_t i = 0; i < small; ++i)
    margins[i] = quartile * (static_cast<double>(i) + 0.5) / static_cast<double>(small);
  double share = 0;
  for (const double margin : margins) share += 0.5 * std::erfc(-margin / deviated / std::sqrt(2.0));
  return share / static_cast<double>(margins_.size());
}

}  // namespace refcalib::engine
