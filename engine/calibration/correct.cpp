#include "engine/calibration/correct.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/candidates.h"
#include "engine/calibration/correction_names.h"
#include "engine/calibration/equalize.h"
#include "engine/calibration/held_back_proof.h"
#include "engine/calibration/output_comparison.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/refine_layers.h"
#include "engine/calibration/refine_limits.h"
#include "engine/calibration/shift_channels.h"
#include "engine/calibration/smooth_inputs.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

/// How far channels are evened out, the most usual first.
constexpr std::array kStrengths{0.5, 0.25, 1.0};
/// Exponents of SmoothQuant.
constexpr std::array kSmoothings{0.5, 0.25, 0.75};

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

/// Another form of a network that computes the same in float; nullopt: there is nothing to change.
using Edit = std::function<std::optional<Graph>(const Variant& from)>;

class Corrector {
 public:
  Corrector(const Graph& graph, const SampleSource& samples, const CalibrationOptions& options,
            const Progress& progress, const Statistics* statistics)
      : graph_(graph),
        options_(options),
        progress_(progress),
        statistics_(statistics),
        threads_(options.threads > 0 ? options.threads : usable_cores()),
        all_{{}, samples},
        fit_{{}, samples},
        proof_(graph, samples) {
    for (std::size_t i = 0; i < samples.runs; ++i) {
      all_.samples.push_back(i);
      if (!HeldBackProof::holds_back(i)) fit_.samples.push_back(i);
    }
    // Without the corrections, with each form of the network, and with all samples.
    const std::size_t forms =
        equalizations().size() + (options.absorb_biases ? 1 : 0) + (options.align_channels ? 1 : 0);
    steps_ = (1 + forms) * fit_.samples.size() + samples.runs;
  }

  CalibrationResult run() {
    Proven best{calibrated(graph_, fit_), {}};
    best.db = measured(best.variant);
    if (options_.equalize) prove_edit("equalization", best, equalizations());
    if (options_.absorb_biases) prove_edit("bias absorption", best, {absorption()});
    if (options_.align_channels) prove_edit("channel alignment", best, {alignment()});
    if (options_.smooth_inputs) prove_edit("smooth inputs", best, smoothings());
    const LimitFactors limits = options_.refine_limits ? prove_limits(best) : LimitFactors{};
    const std::optional<RefineOptions> refine = prove_refinement(best);
    Variant final = statistics_ != nullptr && !edited_ ? decided() : calibrated(best.variant.graph, all_);
    scale_limits(limits, final.result.annotation);
    if (refine) refine_variant(final, all_, *refine);
    state_edits(final);
    final.result.corrections = std::move(reports_);
    return std::move(final.result);
  }

 private:
  Variant calibrated(const Graph& graph, const Part& part) {
    const std::size_t before = steps_done_;
    const auto progress = [&](std::size_t done, std::size_t) {
      steps_done_ = before + done;
      return !progress_ || progress_(std::min(steps_done_, steps_), steps_);
    };
    return {graph, calibrate(graph, part.as_source(), options_, progress)};
  }

  Variant decided() const {
    return {graph_, decide(graph_, plan_calibration(graph_, options_), *statistics_, options_, &all_.source)};
  }

  /// Takes `other` for `best` if held-back samples gain measurably, and reports that.
  bool report(std::string name, Proven& best, Proven& other) {
    const bool kept = gains(best.db, other.db);
    reports_.push_back({std::move(name), mean_of(best.db), mean_of(other.db), proof_.size(), kept});
    if (kept) best = std::move(other);
    return kept;
  }

  /// Tries forms of the network and keeps the best one if it proves itself.
  void prove_edit(const std::string& name, Proven& best, const std::vector<Edit>& edits) {
    std::optional<Proven> most;
    for (const Edit& edit : edits) {
      std::optional<Graph> graph = edit(best.variant);
      if (!graph) continue;
      Proven tried{calibrated(*graph, fit_), {}};
      tried.db = measured(tried.variant);
      if (!most || mean_of(tried.db) > mean_of(most->db)) most = std::move(tried);
    }
    if (most && report(name, best, *most)) edited_ = true;
  }

  /// How far to even out channels is tried; one scale for all weights of a layer leaves no choice.
  std::vector<Edit> equalizations() const {
    if (!options_.equalize) return {};
    if (!options_.per_channel_weights) return {equalization({.weights = true})};
    std::vector<Edit> edits;
    for (const double strength : kStrengths) edits.push_back(equalization({.strength = strength}));
    edits.push_back([this](const Variant& from) {
      EqualizeOptions how;
      for (const ValueReport& value : from.result.values)
        if (value.channel_axis == 1)
          how.deviations[value.value] = {value.channel_deviation.begin(), value.channel_deviation.end()};
      return equalization(how)(from);
    });
    return edits;
  }

  Edit equalization(const EqualizeOptions& how) const {
    return [this, how](const Variant& from) -> std::optional<Graph> {
      const Graph simple = simplified(from.graph);
      Equalized equalized =
          equalize(from.graph, simple, find_candidates(simple).weighted, ranges_of(from.result), how);
      if (equalized.layers.empty()) return std::nullopt;
      return std::move(equalized.graph);
    };
  }

  std::vector<Edit> smoothings() const {
    std::vector<Edit> edits;
    if (!options_.smooth_inputs) return edits;
    for (const double alpha : kSmoothings)
      edits.push_back([this, alpha](const Variant& from) -> std::optional<Graph> {
        ChannelRanges ranges;
        for (const ValueReport& value : from.result.values)
          for (std::size_t c = 0; c < value.channel_min.size(); ++c)
            ranges[value.value].push_back(static_cast<double>(
                std::max(std::abs(value.channel_min[c]), std::abs(value.channel_max[c]))));
        const Graph simple = simplified(from.graph);
        Equalized smooth = smooth_inputs(from.graph, simple, find_candidates(simple).weighted, ranges, alpha);
        if (smooth.layers.empty()) return std::nullopt;
        return std::move(smooth.graph);
      });
    return edits;
  }

  Edit absorption() const { return shifted(absorb_biases); }
  Edit alignment() const { return shifted(align_channels); }

  Edit shifted(decltype(absorb_biases)* shift) const {
    return [this, shift](const Variant& from) -> std::optional<Graph> {
      std::map<std::string, ChannelLimits, std::less<>> limits;
      for (const auto& activation : from.result.annotation.activations)
        limits[activation.value] = {{activation.channel_min.begin(), activation.channel_min.end()},
                                    {activation.channel_max.begin(), activation.channel_max.end()}};
      const Graph simple = simplified(from.graph);
      Equalized moved = shift(from.graph, simple, find_candidates(simple).weighted, limits);
      if (moved.layers.empty()) return std::nullopt;
      return std::move(moved.graph);
    };
  }

  Graph simplified(const Graph& graph) const { return plan_calibration(graph, options_).simplified; }

  /// Largest magnitudes by channel of what a calibration saw.
  static ChannelRanges ranges_of(const CalibrationResult& seen) {
    ChannelRanges ranges;
    for (const auto& activation : seen.annotation.activations) {
      std::vector<double>& range = ranges[activation.value];
      for (std::size_t c = 0; c < activation.channel_min.size(); ++c)
        range.push_back(static_cast<double>(
            std::max(std::abs(activation.channel_min[c]), std::abs(activation.channel_max[c]))));
    }
    return ranges;
  }

  /// Called between the steps of long corrections. Throws Cancelled.
  void go_on() const {
    if (progress_ && !progress_(std::min(steps_done_, steps_), steps_))
      throw Cancelled("calibration was interrupted");
  }

  LimitFactors prove_limits(Proven& best) {
    constexpr std::size_t judges = 32;
    constexpr double step = 1.15;
    CompileOptions compile = default_options();
    compile.int8 = false;
    const OutputComparison comparison(
        graph_, keep_inputs(Program::compile(graph_, compile), fit_.samples.size(), fit_.filling(), judges),
        threads_);
    Proven refined{best.variant, {}};
    const LimitFactors factors =
        engine::refine_limits(refined.variant.graph, plan_calibration(refined.variant.graph, options_),
                              comparison, options_.target.power_of_two_activations ? 2 : step,
                              refined.variant.result.annotation, [this] { go_on(); });
    refined.db = measured(refined.variant);
    return report("limits by the error of the answer", best, refined) ? factors : LimitFactors{};
  }

  /// Biases and rounding, each alone and both together: one may be worth keeping without the other.
  std::optional<RefineOptions> prove_refinement(Proven& best) {
    std::optional<RefineOptions> chosen;
    std::optional<Proven> most;
    for (const bool biases : {true, false})
      for (const bool weights : {true, false}) {
        if (!(biases || weights) || (biases && !options_.full_bias_correction) ||
            (weights && !options_.refine_rounding))
          continue;
        const RefineOptions refine{.biases = biases, .weights = weights, .threads = threads_};
        Proven tried{best.variant, {}};
        refine_variant(tried.variant, fit_, refine);
        tried.db = measured(tried.variant);
        if (most && mean_of(tried.db) <= mean_of(most->db)) continue;
        most = std::move(tried);
        chosen = refine;
      }
    if (!most) return std::nullopt;
    const std::string name = !chosen->weights ? "full bias correction"
                             : chosen->biases ? "full bias correction and rounding"
                                              : "rounding";
    return report(name, best, *most) ? chosen : std::nullopt;
  }

  void refine_variant(Variant& variant, const Part& part, const RefineOptions& refine) {
    const Graph simple = simplified(variant.graph);
    refine_layers(variant.graph, simple, find_candidates(simple).weighted, part.samples.size(),
                  part.filling(), refine, variant.result.annotation, [this] { go_on(); });
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
    state_operands(variant);
  }

  /// Constants that layers without weights read.
  void state_operands(Variant& variant) const {
    for (const NodeId id : graph_.order()) {
      const Node &was = graph_.node(id), &now = variant.graph.node(id);
      if (was.op != "Eltwise") continue;
      for (std::size_t i = 0; i < was.inputs.size(); ++i) {
        if (now.inputs[i] == was.inputs[i] || stands_for_bias(id)) continue;
        variant.result.annotation.operands.push_back(
            {was.name, i, variant.graph.value(now.inputs[i]).constant.to_floats()});
      }
    }
  }

  /// Whether a sum is the bias of a layer with weights, which are stated with that layer.
  bool stands_for_bias(NodeId id) const {
    const std::vector<ValueId>& inputs = graph_.node(id).inputs;
    return std::any_of(inputs.begin(), inputs.end(), [&](ValueId in) {
      const Node* const producer = graph_.producer(in);
      return producer != nullptr && weighted_traits(*producer) != nullptr;
    });
  }

  const Graph& graph_;
  const CalibrationOptions& options_;
  const Progress& progress_;
  const Statistics* statistics_;
  bool edited_ = false;  ///< whether the best network so far has other weights than the file
  int threads_;
  Part all_, fit_;
  HeldBackProof proof_;
  std::size_t steps_ = 0, steps_done_ = 0;
  std::vector<CorrectionReport> reports_;
};

}  // namespace

CalibrationResult calibrate_and_correct(const Graph& graph, const SampleSource& samples,
                                        const CalibrationOptions& options, const Progress& progress,
                                        const Statistics* statistics) {
  CalibrationOptions chosen = options;
  std::optional<PercentileSearch> search;
  if (options.search_percentiles) {
    search = search_image_percentile(graph, samples, options, progress);
    chosen.method = search->method;
  }
  CalibrationResult result;
  if (any_proven_correction(options) && samples.runs >= kFewestToProve)
    result = Corrector(graph, samples, chosen, progress, statistics).run();
  else if (statistics != nullptr)
    result = decide(graph, plan_calibration(graph, chosen), *statistics, chosen, &samples);
  else
    result = calibrate(graph, samples, chosen, progress);
  result.percentiles = std::move(search);
  return result;
}

std::vector<std::string> proofs_left_out(const CalibrationOptions& options) {
  std::vector<std::string> names;
  if (options.search_percentiles) names.emplace_back("the search for a percentage of images");
  for (const NamedCorrection& c : named_corrections())
    if (c.proven && options.*c.option) names.emplace_back(c.name);
  return names;
}

}  // namespace refcalib::engine
