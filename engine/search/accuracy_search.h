#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "engine/search/float_set.h"

namespace refcalib::engine {

/// What an evaluation on the whole dataset found.
struct Measurement {
  double drop = 0;       ///< where the evaluation ended early: as far as it came
  bool meets = false;    ///< of complete ones alone
  bool complete = true;  ///< false: it ended where it was clear that the goal is missed
  double share = 1;      ///< of the dataset that it looked at
};

/// Which layers should run in float: everything that the search knows and may ask for.
struct SearchProblem {
  std::size_t layers = 0;
  double threshold = 1;      ///< of the drop; only estimates are compared with it
  FloatSet start;            ///< layers that are in float from the beginning
  Measurement at_start;      ///< of `start`
  std::vector<double> harm;  ///< of each layer in integers, >= 0; larger is worse
  /// The drop of each layer alone in integers; may be empty. What they add up to, scaled to the drop at the start, is the first guess.
  std::vector<double> alone{};
  std::vector<double> own_error{};              ///< of each layer's own output, as LayerEffect; may be empty
  std::function<double(const FloatSet&)> cost;  ///< of a run of the network, less is faster
  std::function<double(const FloatSet&)> estimate;  ///< of the drop, on a subset
  std::function<Measurement(const FloatSet&)> measure;
  /// Called after a complete measurement: true if estimates are better from now on because of what it showed. May be empty.
  std::function<bool(const FloatSet&)> refine{};
  std::size_t max_measurements = 8;  ///< at least 1; the start does not count
};

/// One network that was measured.
struct SearchTrial {
  FloatSet floats;
  double cost = 0, estimate = 0;
  Measurement found;
};

struct SearchResult {
  std::vector<SearchTrial> trials;  ///< the start, then the others in the order in which they were measured
  /// The cheapest trial that meets the goal; if there is none, the one with the smallest drop.
  std::size_t best = 0;
  bool met = false;
  std::size_t estimates = 0;  ///< different networks that were estimated
};

/// Looks for the cheapest network that meets the goal.
///
/// The first guess adds up what each layer costs alone: the fewest layers go to float that leave less than the threshold, those first that
/// cost most, or most for their time, and up to four more while the estimate of them together is not below it. If it meets the goal and giving back any of its layers would leave clearly more than the threshold, or
/// save hardly any time, the search is over. Else:
///
/// Layers are put in order twice, by harm and by harm for the time that float costs them. Of each order the fewest layers that bring the
/// estimate under the threshold go to float (bisection), the cheaper of the two sets is taken, and layers are given back to integers one
/// by one, those first that save most time, as long as the estimate allows. Only this network is measured. What the measurement showed
/// corrects the estimates (`refine`, and by how much the estimate was wrong), and the search starts again: towards more float after a
/// miss, towards less after a hit. Where estimates have nothing new to say, it goes half the way from the last miss to what is known to
/// meet the goal, or to everything in float. It ends when that is a single layer, when another measurement would make them more than a third
/// of the layers that the best network has in float (so many it takes at least to revert them one by one), two being free, or when
/// `max_measurements` are used up; the last of them goes to nearly all layers in float if nothing met the goal.
///
/// Deterministic: a function of what the callbacks return. Their exceptions pass through.
SearchResult search_mixed_precision(const SearchProblem& problem);

/// False: the best trial is no faster than the network in float, which meets every goal and is to be preferred.
bool faster_than_float(const SearchResult& result, double float_cost);

/// The number of the best trial and whether it meets the goal: the rule for `best` above.
void choose_best(SearchResult& result);

}  // namespace refcalib::engine
