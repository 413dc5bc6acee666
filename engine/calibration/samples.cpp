#include "engine/calibration/samples.h"

#include <algorithm>

namespace refcalib::engine {

Filled::Filled(std::vector<bool> rows)
    : any_(std::find(rows.begin(), rows.end(), true) != rows.end()), rows_(std::move(rows)) {}

SampleSource some_runs(const SampleSource& source, std::vector<std::size_t> runs) {
  SampleSource some;
  some.runs = runs.size();
  some.fill = [&source, runs](Session& session, std::size_t index) {
    return source.fill(session, runs[index]);
  };
  some.name = [&source, runs](std::size_t index) { return source.name_of(runs[index]); };
  return some;
}

std::vector<std::size_t> held_back_runs(std::size_t runs) {
  constexpr std::size_t share = 8, most = 16;
  if (runs < 2) return {};
  const std::size_t count = std::clamp<std::size_t>(runs / share, 1, most);
  std::vector<std::size_t> held_back;
  for (std::size_t k = 0; k < count; ++k) held_back.push_back((2 * k + 1) * runs / (2 * count));
  return held_back;
}

std::vector<std::size_t> other_runs(std::size_t runs, const std::vector<std::size_t>& without) {
  std::vector<std::size_t> others;
  for (std::size_t run = 0; run < runs; ++run)
    if (std::find(without.begin(), without.end(), run) == without.end()) others.push_back(run);
  return others;
}

}  // namespace refcalib::engine
