#include <algorithm>
#include <numeric>

#include "engine/search/accuracy_search.h"

namespace refcalib::engine {

SearchResult revert_one_by_one(const SearchProblem& problem) {
  std::vector<std::size_t> order(problem.layers);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return problem.harm[a] > problem.harm[b]; });
  SearchResult result;
  FloatSet floats = problem.start;
  floats.resize(problem.layers, false);
  result.trials.push_back({floats, problem.cost(floats), 0, problem.at_start});
  for (const std::size_t layer : order) {
    if (result.trials.back().found.meets) break;
    if (floats[layer]) continue;
    floats[layer] = true;
    if (count_of(floats) == problem.layers) break;
    result.trials.push_back({floats, problem.cost(floats), 0, problem.measure(floats)});
  }
  choose_best(result);
  return result;
}

}  // namespace refcalib::engine
