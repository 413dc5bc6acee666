#include "engine/calibration/correct.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/calibration/absorb_bias.h"
#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/candidates.h"
#include "engine/calibration/equalize.h"
#include "engine/calibration/held_back_proof.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/refine_layers.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

/// How far channels are evened out, the most usual first.
constexpr std::array kStrengths{0.5, 0.25, 1.0};

/// Some of the samples, by their numbers.
struct Part {
  std::vector<std::size_t> samples;
  const SampleSource& source;

  FillInputs filling() const {
    return [this](Session& session, std::size_t index) { return source.fill(session, samples[index]); };
  }
  SampleSource as_source() const {
    return {samples.size(), filling(), [this](std::size_t index) { return source.name_of(samples[index]); }};
  }
};

/// A network as one set of corrections leaves it.
struct Variant {
  Graph graph;  ///< as the file has it, or equalized
  CalibrationResult result;
};

/// A variant and what it was measured at.
struct Proven {
  Variant variant;
  std::vector<double> db;
};

class Corrector {
 public:
  Corrector(const Graph& graph, const SampleSource& samples, const CalibrationOptions& options,
            const Progress& progress)
      : graph_(graph),
        options_(options),
        progress_(progress),
        all_{{}, samples},
        fit_{{}, samples},
        proof_(graph, samples) {
    for (std::size_t i = 0; i < samples.runs; ++i) {
      all_.samples.push_back(i);
      if (!HeldBackProof::holds_back(i)) fit_.samples.push_back(i);
    }
    // Without the corrections, with each equalized network, and with all samples.
    const std::size_t ways = !options.equalize ? 0 : options.per_channel_weights ? kStrengths.size() : 1;
    steps_ = (1 + ways) * fit_.samples.size() + samples.runs;
  }

  CalibrationResult run() {
    Proven best{calibrated(graph_, fit_), {}};
    best.db = measured(best.variant);
    std::optional<EqualizeOptions> equalization;
    if (options_.equalize) equalization = prove_equalization(best);
    const bool absorbed = options_.equalize && prove_absorption(best);
    bool refined = false;
    RefineOptions refine = refining();
    if (refine.biases || refine.weights) {
      Proven refinement{best.variant, {}};
      refine_variant(refinement.variant, fit_, refine);
      refinement.db = measured(refinement.variant);
      refined = report(name_of(refine), best, refinement);
    }
    Variant final = equalization ? equalized_variant(*equalization, all_) : calibrated(graph_, all_);
    if (absorbed)
      if (auto narrowed = absorbed_variant(final, all_)) final = std::move(*narrowed);
    if (refined) refine_variant(final, all_, refine);
    state_edits(final);
    final.result.corrections = std::move(reports_);
    return std::move(final.result);
  }

 private:
  RefineOptions refining() const {
    return {.biases = options_.full_bias_correction,
            .weights = options_.refine_rounding,
            .threads = options_.threads > 0 ? options_.threads : usable_cores()};
  }
  static std::string name_of(const RefineOptions& refine) {
    if (!refine.weights) return "full bias correction";
    return refine.biases ? "full bias correction and rounding" : "rounding";
  }

  Variant calibrated(const Graph& graph, const Part& part) {
    const std::size_t before = steps_done_;
    const auto progress = [&](std::size_t done, std::size_t) {
      steps_done_ = before + done;
      return !progress_ || progress_(std::min(steps_done_, steps_), steps_);
    };
    return {graph, calibrate(graph, part.as_source(), options_, progress)};
  }

  /// Takes `other` for `best` if held-back samples gain measurably, and reports that.
  bool report(std::string name, Proven& best, Proven& other) {
    const bool kept = gains(best.db, other.db);
    reports_.push_back({std::move(name), mean_of(best.db), mean_of(other.db), proof_.size(), kept});
    if (kept) best = std::move(other);
    return kept;
  }

  /// Tries how far to even out the channels; one scale for all weights of a layer leaves no choice. Returns the way that was kept.
  std::optional<EqualizeOptions> prove_equalization(Proven& best) {
    remember_ranges(best.variant.result);
    std::vector<EqualizeOptions> ways;
    if (options_.per_channel_weights)
      for (const double strength : kStrengths) ways.push_back({.strength = strength});
    else
      ways.push_back({.weights = true});
    std::optional<EqualizeOptions> chosen;
    Proven most;
    for (const EqualizeOptions& way : ways) {
      Proven tried{equalized_variant(way, fit_), {}};
      tried.db = measured(tried.variant);
      if (chosen && mean_of(tried.db) <= mean_of(most.db)) continue;
      most = std::move(tried);
      chosen = way;
    }
    return report("equalization", best, most) ? chosen : std::nullopt;
  }

  bool prove_absorption(Proven& best) {
    std::optional<Variant> variant = absorbed_variant(best.variant, fit_);
    if (!variant) return false;
    Proven tried{std::move(*variant), {}};
    tried.db = measured(tried.variant);
    return report("bias absorption", best, tried);
  }

  Graph simplified(const Graph& graph) const { return plan_calibration(graph, options_).simplified; }

  /// Largest magnitudes by channel of what a calibration saw.
  void remember_ranges(const CalibrationResult& seen) {
    for (const auto& activation : seen.annotation.activations) {
      std::vector<double>& range = factors_from_[activation.value];
      for (std::size_t c = 0; c < activation.channel_min.size(); ++c)
        range.push_back(static_cast<double>(
            std::max(std::abs(activation.channel_min[c]), std::abs(activation.channel_max[c]))));
    }
  }

  /// The original network with channels scaled, calibrated anew.
  Variant equalized_variant(const EqualizeOptions& how, const Part& part) {
    const Graph simple = simplified(graph_);
    return calibrated(equalize(graph_, simple, find_candidates(simple).weighted, factors_from_, how).graph,
                      part);
  }

  /// A variant whose high biases were moved behind the activations, calibrated anew; nullopt if there are none.
  std::optional<Variant> absorbed_variant(const Variant& from, const Part& part) {
    std::map<std::string, ChannelLimits, std::less<>> limits;
    for (const auto& activation : from.result.annotation.activations)
      limits[activation.value] = {{activation.channel_min.begin(), activation.channel_min.end()},
                                  {activation.channel_max.begin(), activation.channel_max.end()}};
    const Graph simple = simplified(from.graph);
    Equalized absorbed = absorb_biases(from.graph, simple, find_candidates(simple).weighted, limits);
    if (absorbed.layers.empty()) return std::nullopt;
    return calibrated(absorbed.graph, part);
  }

  void refine_variant(Variant& variant, const Part& part, const RefineOptions& refine) {
    const Graph simple = simplified(variant.graph);
    refine_layers(variant.graph, simple, find_candidates(simple).weighted, part.samples.size(),
                  part.filling(), refine, variant.result.annotation, [&] {
                    if (progress_ && !progress_(std::min(steps_done_, steps_), steps_))
                      throw Cancelled("calibration was interrupted");
                  });
  }

  std::vector<double> measured(const Variant& variant) {
    return proof_.measure(annotated_graph(variant.graph, variant.result.annotation));
  }

  /// States in the annotation what the variant's graph has otherwise than the original.
  void state_edits(Variant& variant) const {
    for (auto& weights : variant.result.annotation.weights)
      for (const NodeId id : graph_.order()) {
        const Node& node = variant.graph.node(id);
        if (node.name != weights.layer || weighted_traits(node) == nullptr) continue;
        const Constant& now = variant.graph.value(node.inputs[1]).constant;
        if (!now) continue;
        const bool rewritten = graph_.node(id).inputs[1] != node.inputs[1];
        if (rewritten && weights.values.empty()) weights.values = now.to_floats();
        const std::size_t channels = weight_channels_of(variant.graph, node).count();
        if (!weights.bias.empty()) continue;
        const std::vector<float> bias = stated_bias(variant.graph, id, channels);
        if (rewritten || bias != stated_bias(graph_, id, channels)) weights.bias = bias;
      }
  }

  const Graph& graph_;
  const CalibrationOptions& options_;
  const Progress& progress_;
  Part all_, fit_;
  HeldBackProof proof_;
  std::size_t steps_ = 0, steps_done_ = 0;
  ChannelRanges factors_from_;
  std::vector<CorrectionReport> reports_;
};

}  // namespace

CalibrationResult calibrate_and_correct(const Graph& graph, const SampleSource& samples,
                                        const CalibrationOptions& options, const Progress& progress) {
  CalibrationOptions chosen = options;
  std::optional<PercentileSearch> search;
  if (options.search_percentiles) {
    search = search_image_percentile(graph, samples, options, progress);
    chosen.method = search->method;
  }
  const bool any = options.equalize || options.full_bias_correction || options.refine_rounding;
  CalibrationResult result = !any || samples.runs < kFewestToProve
                                 ? calibrate(graph, samples, chosen, progress)
                                 : Corrector(graph, samples, chosen, progress).run();
  result.percentiles = std::move(search);
  return result;
}

std::vector<std::string> proofs_left_out(const CalibrationOptions& options) {
  std::vector<std::string> names;
  if (options.search_percentiles) names.emplace_back("the search for a percentage of images");
  if (options.equalize) names.emplace_back("equalization");
  if (options.full_bias_correction) names.emplace_back("full bias correction");
  if (options.refine_rounding) names.emplace_back("refinement of rounding");
  return names;
}

}  // namespace refcalib::engine
