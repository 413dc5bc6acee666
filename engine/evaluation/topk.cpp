#include "engine/evaluation/topk.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace refcalib::engine {

std::vector<std::size_t> top_k(std::span<const float> scores, std::size_t k) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto better = [scores](std::size_t a, std::size_t b) {
    const bool a_number = !std::isnan(scores[a]), b_number = !std::isnan(scores[b]);
    if (a_number != b_number) return a_number;
    if (a_number && scores[a] != scores[b]) return scores[a] > scores[b];
    return a < b;
  };
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(k, order.size()));
  std::partial_sort(order.begin(), end, order.end(), better);
  order.erase(end, order.end());
  return order;
}

void TopKCount::add(std::span<const float> scores, std::size_t label) {
  const auto best = top_k(scores, 5);
  ++samples;
  if (!best.empty() && best.front() == label) ++top1;
  if (std::find(best.begin(), best.end(), label) != best.end()) ++top5;
}

}  // namespace refcalib::engine
