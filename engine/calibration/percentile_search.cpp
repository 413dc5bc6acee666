#include "engine/calibration/percentile_search.h"

#include <cstdio>
#include <refcalib/threshold_image_percentile.hpp>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/collect.h"
#include "engine/calibration/decide.h"
#include "engine/calibration/held_back_proof.h"
#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

std::string method_text(double percent) {
  char text[64];
  static_cast<void>(std::snprintf(text, sizeof(text), "image-percentile:percent=%g,interpolate=0", percent));
  return text;
}

}  // namespace

PercentileSearch search_image_percentile(const Graph& graph, const SampleSource& samples,
                                         const CalibrationOptions& options, const Progress& progress) {
  if (samples.runs < kFewestToProve)
    throw UsageError("a search for the best percentage of images needs at least " +
                         std::to_string(kFewestToProve) + " samples and there are " +
                         std::to_string(samples.runs),
                     {{}, {}, "give more, or choose a percentage with --method image-percentile:P"});
  const CalibrationPlan plan = plan_calibration(graph, options);
  CollectOptions collecting;
  collecting.threads = options.threads;
  collecting.max_memory = options.max_memory;
  collecting.records.channel_ranges = true;
  const SampleSource seen = some_runs(samples, HeldBackProof::others(samples.runs));
  const Collected collected = collect(graph, seen, collecting, progress);
  if (collected.not_finite) check_finite(plan, collected.statistics, seen.name_of(*collected.not_finite));
  const HeldBackProof proof(graph, samples);
  PercentileSearch search;
  double best = 0;
  for (const double percent : image_percentile_candidates()) {
    CalibrationOptions step = options;
    step.method = method_text(percent);
    const CalibrationResult result = decide(graph, plan, collected.statistics, step);
    search.steps.push_back({percent, mean_of(proof.measure(annotated_graph(graph, result.annotation)))});
    if (search.steps.size() > 1 && search.steps.back().db <= best) continue;
    best = search.steps.back().db;
    search.percent = percent;
    search.method = step.method;
  }
  return search;
}

}  // namespace refcalib::engine
