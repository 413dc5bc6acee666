#include "apps/refcalib/network_costs.h"

#include <algorithm>
#include <memory>

#include "apps/refcalib/measure.h"
#include "engine/search/execution_cost.h"

namespace refcalib::app {
namespace {

constexpr std::size_t kRuns = 20, kWarmUp = 3;
/// INT8 has to be slower by so much of a network's time to be given up for it, in three of four pairs of runs: measured times scatter.
constexpr double kSlower = 0.005;

}  // namespace

double NetworkCosts::of(const engine::FloatSet& floats) {
  const auto [place, is_new] = known_.try_emplace(engine::key_of(floats), 0);
  if (!is_new) return place->second;
  if (!options_.search.measured()) return place->second = engine::execution_cost(network_.held(floats));
  const engine::FloatSet all(network_.layers().size(), true);
  const auto found = journal_.get("latency " + engine::key_of(floats), [&] {
    const Times times = in_turns(all, floats);
    return std::vector<double>{times.first, times.ratios[times.ratios.size() / 2]};
  });
  if (float_seconds_ == 0) float_seconds_ = found[0];
  return place->second = float_seconds_ * (floats == all ? 1 : found[1]);
}

engine::FloatSet NetworkCosts::slower_in_int8() {
  engine::FloatSet floats(network_.layers().size(), false);
  if (!options_.search.measured()) return floats;
  engine::FloatSet slower = floats;
  for (std::size_t i = 0; i < floats.size(); ++i) {
    engine::FloatSet one = floats;
    one[i] = true;
    const auto found = journal_.get("latency of layer " + std::to_string(i), [&] {
      const Times times = in_turns(floats, one);
      return std::vector<double>{times.ratios[times.ratios.size() * 3 / 4]};
    });
    slower[i] = found.front() < 1 - kSlower;
  }
  return engine::count_of(slower) < slower.size() ? slower : floats;
}

NetworkCosts::Times NetworkCosts::in_turns(const engine::FloatSet& first, const engine::FloatSet& second) {
  const auto session_of = [&](const engine::FloatSet& floats) {
    auto session = std::make_unique<engine::Session>(engine::Program::compile(network_.held(floats)),
                                                     options_.model.threads);
    dataset_.fill(*session, 0);
    return session;
  };
  const auto a = session_of(first), b = session_of(second);
  engine::Session* const both[] = {a.get(), b.get()};
  const std::size_t runs = options_.search.iterations.value_or(0) == 0 ? kRuns : *options_.search.iterations;
  const auto times = measure_interleaved(both, kWarmUp, {.iterations = runs, .seconds = 0});
  Times found{0, {}};
  for (std::size_t i = 0; i < times[0].size(); ++i) found.ratios.push_back(times[1][i] / times[0][i]);
  std::sort(found.ratios.begin(), found.ratios.end());
  std::vector<double> sorted = times[0];
  std::sort(sorted.begin(), sorted.end());
  found.first = sorted[sorted.size() / 2];
  return found;
}

}  // namespace refcalib::app
