#include "engine/calibration/correct.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/candidates.h"
#include "engine/calibration/equalize.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/refine_layers.h"
#include "engine/ops/activation.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

constexpr std::size_t kHeldBack = 4;  ///< every fourth
constexpr std::size_t kFewest = 8;

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

/// Decibels of one output, bounded so that exact and broken ones count too.
double sqnr_db(std::span<const float> expected, std::span<const float> actual) {
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = static_cast<double>(expected[i]), error = static_cast<double>(actual[i]) - e;
    signal += e * e;
    noise += error * error;
  }
  constexpr double most = 120, least = -20;
  if (noise == 0) return most;
  const double db = 10 * std::log10(signal / noise);
  return std::isfinite(db) ? std::clamp(db, least, most) : least;
}

/// Takes softmax and sigmoid off the network's outputs: behind them, errors of certain answers vanish and say nothing.
void uncover_outputs(Graph& graph) {
  const auto squashes = [](const Node& node) {
    return node.op == "Softmax" ||
           (node.op == "Activation" && node.attributes.as<ActivationAttributes>().function == "sigmoid");
  };
  for (ValueId& output : graph.outputs) {
    ValueId at = output;
    const Node* node = graph.producer(at);
    while (node != nullptr && node->op == "Reshape") node = graph.producer(at = node->inputs.front());
    if (node != nullptr && squashes(*node) && graph.producer(node->inputs.front()) != nullptr)
      output = node->inputs.front();
  }
}

class Corrector {
 public:
  Corrector(const Graph& graph, const SampleSource& samples, const CalibrationOptions& options,
            const Progress& progress)
      : graph_(graph),
        options_(options),
        progress_(progress),
        all_{{}, samples},
        fit_{{}, samples},
        proof_{{}, samples} {
    for (std::size_t i = 0; i < samples.runs; ++i) {
      all_.samples.push_back(i);
      (i % kHeldBack == kHeldBack - 1 ? proof_ : fit_).samples.push_back(i);
    }
    // Without the corrections, with the equalized network, and with all samples.
    steps_ = 2 * fit_.samples.size() + samples.runs;
  }

  CalibrationResult run() {
    Variant best = calibrated(graph_, fit_);
    double score = measured(best);
    const auto prove = [&](std::string name, Variant variant) {
      const double other = measured(variant);
      const bool kept = other > score;
      reports_.push_back({std::move(name), score, other, proof_.samples.size(), kept});
      if (kept) {
        best = std::move(variant);
        score = other;
      }
      return kept;
    };
    const bool equalized = options_.equalize && prove("equalization", equalized_variant(best.result, fit_));
    steps_done_ = 2 * fit_.samples.size();
    bool refined = false;
    RefineOptions refine = refining();
    if (refine.biases || refine.weights) {
      Variant variant = best;
      refine_variant(variant, fit_, refine);
      refined = prove(name_of(refine), std::move(variant));
    }
    Variant final = equalized ? equalized_variant(best.result, all_) : calibrated(graph_, all_);
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

  Graph simplified(const Graph& graph) const { return plan_calibration(graph, options_).simplified; }

  /// The original network with channels scaled by what was seen of it, calibrated anew. `seen`: of this or of an earlier calibration.
  Variant equalized_variant(const CalibrationResult& seen, const Part& part) {
    if (factors_from_.empty())
      for (const auto& activation : seen.annotation.activations) {
        std::vector<double>& range = factors_from_[activation.value];
        for (std::size_t c = 0; c < activation.channel_min.size(); ++c)
          range.push_back(static_cast<double>(
              std::max(std::abs(activation.channel_min[c]), std::abs(activation.channel_max[c]))));
      }
    const Graph simple = simplified(graph_);
    EqualizeOptions how;
    how.weights = !options_.per_channel_weights;
    return calibrated(equalize(graph_, simple, find_candidates(simple).weighted, factors_from_, how).graph,
                      part);
  }

  void refine_variant(Variant& variant, const Part& part, const RefineOptions& refine) {
    const Graph simple = simplified(variant.graph);
    refine_layers(variant.graph, simple, find_candidates(simple).weighted, part.samples.size(),
                  part.filling(), refine, variant.result.annotation, [&] {
                    if (progress_ && !progress_(std::min(steps_done_, steps_), steps_))
                      throw Cancelled("calibration was interrupted");
                  });
  }

  double measured(const Variant& variant) {
    if (!reference_) {
      CompileOptions compile = default_options();
      compile.int8 = false;
      Graph graph = graph_;
      uncover_outputs(graph);
      reference_ = Program::compile(graph, compile);
    }
    Graph quantized = annotated_graph(variant.graph, variant.result.annotation);
    uncover_outputs(quantized);
    Session expected(reference_, 1);
    Session actual(Program::compile(quantized), 1);
    double total = 0;
    std::size_t count = 0;
    for (const std::size_t sample : proof_.samples) {
      if (!proof_.source.fill(expected, sample)) continue;
      for (std::size_t i = 0; i < reference_->inputs().size(); ++i)
        std::copy(expected.input(i).begin(), expected.input(i).end(), actual.input(i).begin());
      expected.run();
      actual.run();
      for (std::size_t i = 0; i < reference_->outputs().size(); ++i, ++count)
        total += sqnr_db(expected.output(i), actual.output(i));
    }
    return count == 0 ? 0 : total / static_cast<double>(count);
  }

  /// States in the annotation what the variant's graph has otherwise than the original.
  void state_edits(Variant& variant) const {
    for (auto& weights : variant.result.annotation.weights)
      for (const NodeId id : graph_.order()) {
        const Node& node = variant.graph.node(id);
        if (node.name != weights.layer || weighted_traits(node) == nullptr) continue;
        const Constant& now = variant.graph.value(node.inputs[1]).constant;
        if (!now || graph_.node(id).inputs[1] == node.inputs[1]) continue;
        if (weights.values.empty()) weights.values = now.to_floats();
        if (weights.bias.empty())
          weights.bias = stated_bias(variant.graph, id, weight_channels_of(variant.graph, node).count());
      }
  }

  const Graph& graph_;
  const CalibrationOptions& options_;
  const Progress& progress_;
  Part all_, fit_, proof_;
  std::size_t steps_ = 0, steps_done_ = 0;
  ChannelRanges factors_from_;
  std::shared_ptr<const Program> reference_;
  std::vector<CorrectionReport> reports_;
};

}  // namespace

CalibrationResult calibrate_and_correct(const Graph& graph, const SampleSource& samples,
                                        const CalibrationOptions& options, const Progress& progress) {
  const bool any = options.equalize || options.full_bias_correction || options.refine_rounding;
  if (!any || samples.runs < kFewest) return calibrate(graph, samples, options, progress);
  return Corrector(graph, samples, options, progress).run();
}

}  // namespace refcalib::engine
