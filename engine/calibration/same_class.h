#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace refcalib::engine {

/// Which share of samples is expected to keep its best class, from what a few hundred of them cannot be counted to tell: how far the best
/// class is ahead of the second in the exact answers, and how much the differences between classes deviate in the others. Deviations are
/// taken as normal, with one variance for all samples: the mean over samples of twice the variance of the errors of an answer's ten best
/// classes, which is that of the difference of two of them. The smaller quarter of the margins is taken as evenly spread up to the
/// quartile: whether one of a hundred samples happens to be a tie says little of others.
class SameClass {
 public:
  /// A sample's answers in front of a softmax, of equal sizes of at least 2; others are left out.
  void add(std::span<const float> expected, std::span<const float> actual);

  std::size_t samples() const noexcept { return margins_.size(); }
  /// Of the difference of two classes' errors. 0 without samples.
  double deviation() const noexcept;
  /// Mean over samples of the probability that the best class stays ahead of the second, from 0.5 to 1. 1 without samples.
  double expected_share() const noexcept;

 private:
  std::vector<double> margins_;  ///< best class to second, by sample
  double variance_ = 0;          ///< sum over samples
};

}  // namespace refcalib::engine
