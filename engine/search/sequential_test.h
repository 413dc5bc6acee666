#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace refcalib::engine {

/// An evaluation in parts that ends where it is clear that a network misses the goal: a sequential paired test.
///
/// First come the samples on which an earlier network of the search and float differ: what a better network gets wrong, it mostly gets
/// wrong there. They are a stratum of their own, seen as a whole unless it is large; the others follow in parts that stand for the rest. What is not seen yet
/// may still be won back: its mean is that of the others seen so far, its spread theirs, with as much of it taken for granted as one
/// sample in fifty that differs.
class SequentialTest {
 public:
  /// Of all samples: whether the earlier network and float differ. Few samples are one part, which cannot end early.
  explicit SequentialTest(std::vector<bool> differing);

  /// What is evaluated one after the other; together every sample once.
  const std::vector<std::vector<std::size_t>>& parts() const noexcept { return parts_; }
  /// What the mean of `worse` over all samples is to be expected to be.
  struct Outlook {
    double mean = 0;
    double least = 0;  ///< 2.5 standard errors below: it is less in one case of some hundred
  };
  /// `worse`: by how much each sample is worse than in float; NaN for those without evidence, which are left out.
  /// `seen`: 1 for the samples that were evaluated.
  Outlook outlook(std::span<const double> worse, std::span<const std::uint32_t> seen) const;

 private:
  std::vector<bool> differing_;
  std::vector<std::vector<std::size_t>> parts_;
};

}  // namespace refcalib::engine
