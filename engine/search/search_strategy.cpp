#include "engine/search/search_strategy.h"

#include <array>

#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

constexpr std::array<SearchStrategy, 4> kStrategies{
    {{"subset", "few evaluations, decided by comparisons on a subset", true, search_mixed_precision},
     {"one-by-one", "as the tool of 2019: by the error of a layer's own output", false, revert_one_by_one},
     {"ranked", "as AccuracyAware of POT: by the metric with each layer alone in FP32", false, revert_ranked},
     {"in-order", "one layer after another as the network runs them", false, revert_in_order}}};

}  // namespace

std::span<const SearchStrategy> search_strategies() noexcept {
  return kStrategies;
}

const SearchStrategy& search_strategy(std::string_view name) {
  std::string names;
  for (const SearchStrategy& strategy : kStrategies) {
    if (strategy.name == name) return strategy;
    names += (names.empty() ? "" : ", ") + std::string(strategy.name);
  }
  throw UsageError("there is no search '" + std::string(name) + "'", {{}, {}, "choose one of " + names});
}

}  // namespace refcalib::engine
