#include "engine/search/accuracy_search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

namespace refcalib::engine {
namespace {

constexpr std::size_t kGivenBack = 16;  ///< layers that are tried in integers again
/// Share of the threshold by which every miss tightens the next estimate, beyond what the miss was.
constexpr double kMissMargin = 0.125;

/// Measurements for a layer in float, and how many are free: reverting layers one after another takes one for each.
constexpr double kPerLayer = 1.0 / 3, kFree = 2;
/// Layers that go to float beyond what adding up asks for, as long as the estimate is not met.
constexpr std::size_t kMoreThanAddedUp = 4;
/// Share of the time of float that a further network has to save.
constexpr double kWorth = 0.02;
/// Layers that would leave more than so many thresholds by what they cost alone are not given back.
constexpr double kPlausible = 1.5;

class Search {
 public:
  explicit Search(const SearchProblem& problem) : problem_(problem) {
    FloatSet start = problem.start;
    start.resize(problem.layers, false);
    start_ = start;
    const double base = problem.cost(start_);
    for (std::size_t layer = 0; layer < problem.layers; ++layer) {
      FloatSet one = start_;
      one[layer] = true;
      gain_.push_back(start_[layer] ? 0.0 : problem.cost(one) - base);
      if (!start_[layer]) order_.push_back(layer);
    }
  }

  SearchResult run() {
    add(start_, problem_.at_start);
    double correction = corrected();
    std::size_t misses = 0;
    // Without any layer in integers there would be no INT8 network: with one layer there is nothing to choose.
    for (std::size_t used = 0; used < problem_.max_measurements && order_.size() > 1; ++used) {
      const double margin = kMissMargin * static_cast<double>(misses) * problem_.threshold;
      const bool last = used + 1 == problem_.max_measurements;
      if (met() && (!could_save() || !affordable())) break;
      std::optional<FloatSet> floats = used == 0 ? added_up() : std::nullopt;
      if (!floats) floats = last && !met() ? most_float() : next(problem_.threshold - correction - margin);
      if (!floats || measured(*floats) || !worth(*floats)) break;
      add(*floats, problem_.measure(*floats));
      refine();
      correction = corrected();
      if (result_.trials.back().found.meets) continue;
      ++misses;
      if (*floats == most_float()) break;
    }
    choose_best(result_);
    result_.estimates = count_;
    return std::move(result_);
  }

 private:
  /// A network that is hardly faster than one that meets the goal is not worth an evaluation.
  bool worth(const FloatSet& floats) {
    choose_best(result_);
    return !result_.met ||
           problem_.cost(floats) < result_.trials[result_.best].cost - kWorth * problem_.cost(everything());
  }
  /// What layers in integers cost alone, added up and scaled to what all of them cost together.
  double predicted(const FloatSet& floats) const {
    double left = 0, all = 0;
    for (const std::size_t layer : order_) {
      const double cost = std::max(0.0, problem_.alone[layer]);
      all += cost;
      left += floats[layer] ? 0 : cost;
    }
    return all > 0 ? problem_.at_start.drop * left / all : 0;
  }
  /// The cheaper of the fewest layers, by what they cost alone or by that for their time, that leave less than the threshold; with a few
  /// more where the estimate says otherwise of them together.
  std::optional<FloatSet> added_up() {
    if (problem_.alone.empty() || !std::isfinite(problem_.at_start.drop) ||
        predicted(start_) < problem_.threshold)
      return std::nullopt;
    std::optional<FloatSet> best;
    std::vector<std::size_t> best_order;
    std::size_t best_count = 0;
    for (const bool by_time : {false, true}) {
      std::vector<std::size_t> order = order_;
      const auto value = [&](std::size_t layer) {
        return problem_.alone[layer] / (by_time ? std::max(gain_[layer], smallest_gain()) : 1.0);
      };
      std::stable_sort(order.begin(), order.end(),
                       [&](std::size_t a, std::size_t b) { return value(a) > value(b); });
      std::size_t count = 0;
      while (count + 1 < order.size() && predicted(first_of(order, count)) >= problem_.threshold) ++count;
      const FloatSet floats = first_of(order, count);
      if (best && problem_.cost(floats) >= problem_.cost(*best)) continue;
      best = floats;
      best_order = order;
      best_count = count;
    }
    for (std::size_t more = 0; more <= kMoreThanAddedUp && best_count + more < best_order.size(); ++more)
      if (FloatSet floats = first_of(best_order, best_count + more); estimated(floats) < problem_.threshold)
        return floats;
    return best;
  }
  /// Whether another measurement keeps well below what it takes to revert the layers of the best network one by one.
  bool affordable() {
    choose_best(result_);
    double used = 0;
    for (std::size_t i = 1; i < result_.trials.size(); ++i) used += result_.trials[i].found.share;
    const double reverted =
        static_cast<double>(count_of(result_.trials[result_.best].floats) - count_of(start_));
    return used + 1 <= std::max(kFree, kPerLayer * reverted);
  }
  /// False: by what layers cost alone the network would clearly miss the threshold.
  bool plausible(const FloatSet& floats) const {
    return problem_.alone.empty() || predicted(floats) < kPlausible * problem_.threshold;
  }
  /// Whether giving back layers of the best network could save time without clearly missing the threshold.
  bool could_save() {
    choose_best(result_);
    const FloatSet& best = result_.trials[result_.best].floats;
    double saving = 0;
    for (const std::size_t layer : order_) {
      FloatSet fewer = best;
      fewer[layer] = false;
      if (best[layer] && plausible(fewer)) saving += gain_[layer];
    }
    return saving > kWorth * problem_.cost(everything());
  }
  FloatSet everything() const { return FloatSet(problem_.layers, true); }

  void add(const FloatSet& floats, const Measurement& found) {
    result_.trials.push_back({floats, problem_.cost(floats), estimated(floats), found});
  }
  void refine() {
    const SearchTrial& trial = result_.trials.back();
    if (problem_.refine && trial.found.complete && problem_.refine(trial.floats)) estimates_.clear();
  }
  /// By how much the estimate of the last trial is too good. Infinite drops say nothing of others.
  double corrected() {
    const SearchTrial& trial = result_.trials.back();
    const double difference = trial.found.drop - estimated(trial.floats);
    return std::isfinite(difference) ? difference : 0.0;
  }

  /// What to measure next; nullopt: nothing that could be better.
  std::optional<FloatSet> next(double target) {
    std::optional<FloatSet> floats = cheapest(target);
    // The best of many estimates is a lucky one: after a miss the next network has more in float, not something else.
    if (const SearchTrial& before = result_.trials.back(); floats && !before.found.meets)
      for (std::size_t i = 0; i < floats->size(); ++i) (*floats)[i] = (*floats)[i] || before.floats[i];
    if (floats && !measured(*floats) && count_of(*floats) < floats->size()) return floats;
    choose_best(result_);
    // From the miss with the most layers half the way to a hit, or to everything.
    const FloatSet goal = result_.met ? result_.trials[result_.best].floats : most_float();
    const SearchTrial* from = nullptr;
    for (const SearchTrial& trial : result_.trials)
      if (!trial.found.meets && contains(goal, trial.floats) &&
          (from == nullptr || count_of(trial.floats) > count_of(from->floats)))
        from = &trial;
    if (from == nullptr) return std::nullopt;
    std::vector<std::size_t> missing;
    for (const std::size_t layer : ordered(true))
      if (goal[layer] && !from->floats[layer]) missing.push_back(layer);
    if (result_.met && missing.size() < 2) return std::nullopt;
    FloatSet half = from->floats;
    for (std::size_t i = 0; i < (missing.size() + 1) / 2; ++i) half[missing[i]] = true;
    return half;
  }

  static bool contains(const FloatSet& all, const FloatSet& some) {
    for (std::size_t i = 0; i < some.size(); ++i)
      if (some[i] && !all[i]) return false;
    return true;
  }
  bool met() const {
    return std::any_of(result_.trials.begin(), result_.trials.end(),
                       [](const SearchTrial& trial) { return trial.found.meets; });
  }
  bool measured(const FloatSet& floats) const {
    return std::any_of(result_.trials.begin(), result_.trials.end(),
                       [&](const SearchTrial& trial) { return trial.floats == floats; });
  }

  double estimated(const FloatSet& floats) {
    const auto [place, is_new] = estimates_.try_emplace(key_of(floats), 0);
    if (is_new) {
      place->second = problem_.estimate(floats);
      ++count_;
    }
    return place->second;
  }

  std::vector<std::size_t> ordered(bool by_time) const {
    const double smallest = smallest_gain();
    const auto value = [&](std::size_t layer) {
      return by_time ? problem_.harm[layer] / std::max(gain_[layer], smallest) : problem_.harm[layer];
    };
    std::vector<std::size_t> order = order_;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return value(a) > value(b); });
    return order;
  }

  /// What counts as no time at all: a thousandth of what the slowest layer loses.
  double smallest_gain() const {
    const double largest = gain_.empty() ? 0.0 : *std::max_element(gain_.begin(), gain_.end());
    return largest > 0 ? largest / 1000 : 1.0;
  }

  FloatSet first_of(const std::vector<std::size_t>& order, std::size_t count) const {
    FloatSet floats = start_;
    for (std::size_t i = 0; i < count; ++i) floats[order[i]] = true;
    return floats;
  }

  /// All but the least harmful layer in float.
  FloatSet most_float() const { return first_of(ordered(false), order_.size() - 1); }

  /// The fewest layers of the order that bring the estimate down to the target; all but one if none do.
  FloatSet fewest(const std::vector<std::size_t>& order, double target) {
    std::size_t fails = 0, reaches = order.size() - 1;
    if (estimated(first_of(order, 0)) <= target) return first_of(order, 0);
    while (reaches - fails > 1) {
      const std::size_t middle = fails + (reaches - fails) / 2;
      (estimated(first_of(order, middle)) <= target ? reaches : fails) = middle;
    }
    return first_of(order, reaches);
  }

  /// Layers back to integers that the estimate does not need, those first that save most time.
  FloatSet given_back(FloatSet floats, double target) {
    std::vector<std::size_t> candidates;
    for (const std::size_t layer : order_)
      if (floats[layer] && gain_[layer] > 0) candidates.push_back(layer);
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](std::size_t a, std::size_t b) { return gain_[a] > gain_[b]; });
    candidates.resize(std::min(candidates.size(), kGivenBack));
    for (const std::size_t layer : candidates) {
      FloatSet fewer = floats;
      fewer[layer] = false;
      if (estimated(fewer) <= target && problem_.cost(fewer) < problem_.cost(floats))
        floats = std::move(fewer);
    }
    return floats;
  }

  /// nullopt: no estimate comes under the target.
  std::optional<FloatSet> cheapest(double target) {
    const FloatSet by_harm = fewest(ordered(false), target), by_time = fewest(ordered(true), target);
    const bool harm_reaches = estimated(by_harm) <= target, time_reaches = estimated(by_time) <= target;
    if (!harm_reaches && !time_reaches) return std::nullopt;
    const bool take_time = time_reaches && (!harm_reaches || problem_.cost(by_time) < problem_.cost(by_harm));
    return given_back(take_time ? by_time : by_harm, target);
  }

  const SearchProblem& problem_;
  FloatSet start_;
  std::vector<std::size_t> order_;           ///< the layers that are not in float from the beginning
  std::vector<double> gain_;                 ///< time that each layer saves in integers
  std::map<std::string, double> estimates_;  ///< since the last refinement
  std::size_t count_ = 0;
  SearchResult result_;
};

}  // namespace

void choose_best(SearchResult& result) {
  result.best = 0;
  for (std::size_t i = 0; i < result.trials.size(); ++i) {
    const SearchTrial &trial = result.trials[i], &best = result.trials[result.best];
    const bool better = trial.found.meets != best.found.meets ? trial.found.meets
                        : trial.found.meets                   ? trial.cost < best.cost
                                                              : trial.found.drop < best.found.drop;
    if (better) result.best = i;
  }
  result.met = !result.trials.empty() && result.trials[result.best].found.meets;
}

bool faster_than_float(const SearchResult& result, double float_cost) {
  return result.trials[result.best].cost < float_cost;
}

SearchResult search_mixed_precision(const SearchProblem& problem) {
  return Search(problem).run();
}

}  // namespace refcalib::engine
