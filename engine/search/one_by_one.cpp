#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/search/search_strategy.h"

namespace refcalib::engine {
namespace {

/// The layers that are in integers at the start, the largest values first; of equal ones the first in the network.
std::vector<std::size_t> descending(const FloatSet& start, const std::vector<double>& values) {
  std::vector<std::size_t> order;
  for (std::size_t layer = 0; layer < start.size(); ++layer)
    if (!start[layer]) order.push_back(layer);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  return order;
}

FloatSet start_of(const SearchProblem& problem) {
  FloatSet start = problem.start;
  start.resize(problem.layers, false);
  return start;
}

/// Networks that are measured one after another.
class Reversals {
 public:
  explicit Reversals(const SearchProblem& problem) : problem_(problem) {
    const FloatSet start = start_of(problem);
    result_.trials.push_back({start, problem.cost(start), 0, problem.at_start});
  }
  const SearchTrial& last() const { return result_.trials.back(); }
  /// False: all would be in float.
  bool measure(const FloatSet& floats) {
    if (count_of(floats) == problem_.layers) return false;
    result_.trials.push_back({floats, problem_.cost(floats), 0, problem_.measure(floats)});
    return true;
  }
  void count_estimate() { ++result_.estimates; }
  SearchResult result() {
    choose_best(result_);
    return std::move(result_);
  }

 private:
  const SearchProblem& problem_;
  SearchResult result_;
};

SearchResult revert(const SearchProblem& problem, const std::vector<std::size_t>& order) {
  Reversals reversals(problem);
  FloatSet floats = start_of(problem);
  for (const std::size_t layer : order) {
    if (reversals.last().found.meets) break;
    floats[layer] = true;
    if (!reversals.measure(floats)) break;
  }
  return reversals.result();
}

}  // namespace

SearchResult revert_one_by_one(const SearchProblem& problem) {
  return revert(problem,
                descending(start_of(problem), problem.own_error.empty() ? problem.harm : problem.own_error));
}

SearchResult revert_in_order(const SearchProblem& problem) {
  return revert(problem, descending(start_of(problem), std::vector<double>(problem.layers, 0)));
}

SearchResult revert_ranked(const SearchProblem& problem) {
  Reversals reversals(problem);
  FloatSet floats = start_of(problem);
  double drop = problem.at_start.drop;
  const auto ranking = [&] {
    std::vector<double> scores(problem.layers, 0);
    for (std::size_t layer = 0; layer < problem.layers; ++layer) {
      if (floats[layer]) continue;
      FloatSet one = floats;
      one[layer] = true;
      scores[layer] = -problem.estimate(one);
      reversals.count_estimate();
    }
    return descending(floats, scores);
  };
  bool ranked_anew = true, met = problem.at_start.meets;
  while (!met && std::exchange(ranked_anew, false)) {
    bool borne = false;
    for (const std::size_t layer : ranking()) {
      FloatSet more = floats;
      more[layer] = true;
      if (!reversals.measure(more)) break;
      met = reversals.last().found.meets;
      if (met) break;
      if (reversals.last().found.drop > drop && std::exchange(borne, true)) {
        ranked_anew = true;
        break;
      }
      floats = std::move(more);
      drop = reversals.last().found.drop;
    }
  }
  return reversals.result();
}

}  // namespace refcalib::engine
