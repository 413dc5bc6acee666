#include "apps/refcalib/calibration_data.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "apps/refcalib/text.h"

namespace refcalib::app {
namespace {

/// "FILE", or the first and the last of a batch.
std::string samples_of_run(const engine::Dataset& dataset, std::size_t run) {
  const std::size_t first = run * dataset.batch();
  const std::size_t last = std::min(first + dataset.batch(), dataset.samples()) - 1;
  return dataset.sample_name(first) + (first == last ? "" : " to " + dataset.sample_name(last));
}

}  // namespace

engine::SampleSource sample_source(engine::Dataset& dataset) {
  engine::SampleSource source;
  source.runs = dataset.runs();
  source.fill = [&dataset](engine::Session& session, std::size_t run) {
    std::vector<bool> rows;
    dataset.fill(session, run, rows);
    return engine::Filled(std::move(rows));
  };
  source.name = [&dataset](std::size_t run) { return samples_of_run(dataset, run); };
  return source;
}

std::string samples_text(const engine::Dataset& dataset) {
  const std::size_t skipped = dataset.skipped().size();
  return counted(dataset.samples() - skipped, "sample") + " (" + std::to_string(skipped) + " skipped)";
}

}  // namespace refcalib::app
