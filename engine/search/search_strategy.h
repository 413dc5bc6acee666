#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/search/accuracy_search.h"

namespace refcalib::engine {

/// A way of looking for the layers that stay in float, under the name that the command line has for it.
struct SearchStrategy {
  std::string_view name;
  std::string_view summary;
  bool ends_early = false;  ///< its measurements may end where it is clear that the goal is missed
  SearchResult (*run)(const SearchProblem&) = nullptr;
};

/// The default is the first. The others are what other tools do, to compare with; they ask for a measurement after every layer.
std::span<const SearchStrategy> search_strategies() noexcept;

/// Throws UsageError, which names those there are.
const SearchStrategy& search_strategy(std::string_view name);

/// What the 2019 tool did: layers go to float one after another, those first whose own output is most wrong (`own_error`, or `harm` where
/// it is empty), until a network meets the goal or only one layer is left in integers.
SearchResult revert_one_by_one(const SearchProblem& problem);

/// The same in the order of execution, which asks nothing about the layers.
SearchResult revert_in_order(const SearchProblem& problem);

/// What AccuracyAware of POT and NNCF's accuracy control do: every layer alone goes to float in a network of integers, which is estimated;
/// then one after another, those first that leave the smallest drop. A network with a larger drop than the one before is borne once; the
/// second time the one before is taken again and all layers are ranked anew.
SearchResult revert_ranked(const SearchProblem& problem);

}  // namespace refcalib::engine
