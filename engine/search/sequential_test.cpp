#include "engine/search/sequential_test.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace refcalib::engine {
namespace {

constexpr std::size_t kFewest = 160;  ///< samples from which on there are parts
constexpr std::size_t kOthers = 3;    ///< parts of the samples that did not differ
/// Of all samples: what one part of those that differ may be. After a network that gets nearly all wrong they are no small stratum.
constexpr double kLargestFirst = 0.25;
constexpr double kStandardErrors = 2.5;
constexpr double kGranted = 50;  ///< samples that are assumed besides those seen, one of which differs

struct Stratum {
  double seen = 0, unseen = 0, sum = 0, squares = 0;
};

}  // namespace

SequentialTest::SequentialTest(std::vector<bool> differing) : differing_(std::move(differing)) {
  const std::size_t all = differing_.size();
  std::vector<std::size_t> first;
  std::vector<std::vector<std::size_t>> others(kOthers);
  std::size_t next = 0;
  for (std::size_t i = 0; i < all; ++i)
    if (differing_[i])
      first.push_back(i);
    else
      others[next++ % kOthers].push_back(i);
  if (all < kFewest) {
    parts_.emplace_back(all);
    for (std::size_t i = 0; i < all; ++i) parts_[0][i] = i;
    return;
  }
  const auto pieces = static_cast<std::size_t>(
      std::ceil(static_cast<double>(first.size()) / (kLargestFirst * static_cast<double>(all))));
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    std::vector<std::size_t>& part = parts_.emplace_back();
    for (std::size_t i = piece; i < first.size(); i += pieces) part.push_back(first[i]);
  }
  for (std::vector<std::size_t>& part : others)
    if (!part.empty()) parts_.push_back(std::move(part));
}

SequentialTest::Outlook SequentialTest::outlook(std::span<const double> worse,
                                                std::span<const std::uint32_t> seen) const {
  Stratum strata[2];
  for (std::size_t i = 0; i < seen.size(); ++i) {
    Stratum& stratum = strata[differing_[i] ? 1 : 0];
    if (seen[i] == 0) {
      ++stratum.unseen;
    } else if (!std::isnan(worse[i])) {
      ++stratum.seen;
      stratum.sum += worse[i];
      stratum.squares += worse[i] * worse[i];
    }
  }
  // The size of one difference, for what is taken for granted: that of those that differ.
  double count = 0, squares = 0;
  for (std::size_t i = 0; i < seen.size(); ++i)
    if (seen[i] != 0 && !std::isnan(worse[i]) && worse[i] != 0) {
      ++count;
      squares += worse[i] * worse[i];
    }
  const double one = count > 0 ? squares / count : 0;
  double total = 0, variance = 0, samples = 0;
  for (const Stratum& s : strata) {
    const double mean = s.seen > 0 ? s.sum / s.seen : 0;
    const double spread = (s.squares + one) / (s.seen + kGranted);
    total += s.sum + s.unseen * mean;
    variance += s.unseen * spread + (s.seen > 0 ? s.unseen * s.unseen * spread / s.seen : 0);
    samples += s.seen + s.unseen;
  }
  if (samples == 0) return {};
  return {total / samples, (total - kStandardErrors * std::sqrt(variance)) / samples};
}

}  // namespace refcalib::engine
