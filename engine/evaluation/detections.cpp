#include "engine/evaluation/detections.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace refcalib::engine {
namespace {

constexpr std::size_t kRow = 7;

double extent(float first, float last) noexcept {
  return std::max(0.0, static_cast<double>(last) - static_cast<double>(first));
}

}  // namespace

std::vector<Detection> read_detections(std::span<const float> rows) {
  std::vector<Detection> detections;
  for (std::size_t i = 0; i + kRow <= rows.size() && rows[i] >= 0; i += kRow) {
    const std::span<const float> row = rows.subspan(i, kRow);
    detections.push_back({std::lround(row[0]), std::lround(row[1]), row[2], row[3], row[4], row[5], row[6]});
  }
  return detections;
}

double overlap(const Detection& a, const Detection& b) noexcept {
  const double common =
      extent(std::max(a.x1, b.x1), std::min(a.x2, b.x2)) * extent(std::max(a.y1, b.y1), std::min(a.y2, b.y2));
  const double both = extent(a.x1, a.x2) * extent(a.y1, a.y2) + extent(b.x1, b.x2) * extent(b.y1, b.y2);
  return common > 0 ? common / (both - common) : 0.0;
}

std::vector<DetectionMatch> match_detections(std::span<const Detection> reference,
                                             std::span<const Detection> other, double least_overlap) {
  std::vector<std::size_t> order(reference.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return reference[a].score > reference[b].score; });
  std::vector<bool> taken(other.size(), false);
  std::vector<DetectionMatch> matches;
  for (const std::size_t i : order) {
    DetectionMatch best{i, other.size(), 0};
    for (std::size_t k = 0; k < other.size(); ++k) {
      if (taken[k] || other[k].image != reference[i].image || other[k].label != reference[i].label) continue;
      const double common = overlap(reference[i], other[k]);
      if (common >= least_overlap && common > best.overlap) best = {i, k, common};
    }
    if (best.other == other.size()) continue;
    taken[best.other] = true;
    matches.push_back(best);
  }
  return matches;
}

void DetectionAgreement::add(std::span<const Detection> from, std::span<const Detection> with,
                             double least_score, double least_overlap) {
  const auto counts = [&](const Detection& d) { return static_cast<double>(d.score) >= least_score; };
  std::vector<bool> partner(with.size(), false);
  for (const DetectionMatch& match : match_detections(from, with, least_overlap)) {
    partner[match.other] = true;
    if (!counts(from[match.reference])) continue;
    ++matched;
    const double difference = std::fabs(static_cast<double>(from[match.reference].score) -
                                        static_cast<double>(with[match.other].score));
    worst_score = std::max(worst_score, difference);
  }
  reference += static_cast<std::size_t>(std::count_if(from.begin(), from.end(), counts));
  for (std::size_t k = 0; k < with.size(); ++k) extra += !partner[k] && counts(with[k]) ? 1U : 0U;
}

double DetectionAgreement::share() const noexcept {
  const std::size_t all = reference + extra;
  return all == 0 ? 1.0 : static_cast<double>(matched) / static_cast<double>(all);
}

}  // namespace refcalib::engine
