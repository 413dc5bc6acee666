#include "engine/diagnosis/diagnose.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "engine/calibration/plan.h"
#include "engine/core/for_each_index.h"
#include "engine/diagnosis/evidence.h"
#include "engine/diagnosis/layer_change.h"
#include "engine/diagnosis/reference_values.h"
#include "engine/diagnosis/remedies.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

/// What a change alone did.
struct Effect {
  ValueError raw, stored;  ///< of the layer's value as it is computed, and as its readers see it
  double output_noise = 0;
};

/// All measurements, over the same samples.
class Laboratory {
 public:
  Laboratory(Graph reference, const Graph& quantized, const SampleSource& samples,
             const DiagnoseOptions& options)
      : reference_(std::move(reference)),
        changes_(layer_changes(reference_, quantized)),
        values_(reference_, watched(), samples, options.memory) {}

  const Graph& reference() const noexcept { return reference_; }
  const std::vector<LayerChange>& changes() const noexcept { return changes_; }
  const ReferenceValues& values() const noexcept { return values_; }

  Effect alone(const LayerChange& change) const {
    const std::string& name = reference_.value(change.value).name;
    Effect effect;
    std::map<std::string, ValueError> errors = values_.compare(
        float_program(with_changes(reference_, {&change})), {{name, name}, {stored_name(name), name}});
    effect.output_noise = values_.output_noise(errors);
    effect.raw = std::move(errors[name]);
    const auto stored = errors.find(stored_name(name));
    effect.stored = stored != errors.end() ? std::move(stored->second) : effect.raw;
    return effect;
  }

  /// Noise of the outputs with all changes, of which number `index` is replaced (nullopt: left out).
  double together(std::size_t index, const std::optional<LayerChange>& replacement) const {
    std::vector<const LayerChange*> all;
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      if (i != index)
        all.push_back(&changes_[i]);
      else if (replacement)
        all.push_back(&*replacement);
    }
    return values_.output_noise(values_.compare(float_program(with_changes(reference_, all)), {}));
  }

  static std::shared_ptr<const Program> float_program(const Graph& graph) {
    CompileOptions options = default_options();
    options.int8 = false;
    return Program::compile(graph, options);
  }

 private:
  std::vector<ValueId> watched() const {
    std::vector<ValueId> values;
    for (const LayerChange& change : changes_) values.push_back(change.value);
    return values;
  }

  Graph reference_;
  std::vector<LayerChange> changes_;
  ReferenceValues values_;
};

LayerChange only(const LayerChange& change, Part part) {
  LayerChange one = change;
  if (part != Part::weights) one.weights.reset();
  if (part != Part::bias) one.bias.reset();
  if (part != Part::value) one.stored.clear();
  return one;
}

void describe_weights(const Graph& reference, Evidence& evidence) {
  const LayerChange& change = *evidence.change;
  if (!change.weights || change.node == kNone) return;
  const Node& node = reference.node(change.node);
  const WeightChannels channel = weight_channels_of(reference, node);
  const std::vector<float> w = reference.value(node.inputs[1]).constant.to_floats();
  const std::vector<float> integer = change.weights->to_floats();
  evidence.weight_reach.assign(channel.count(), 0.0);
  std::size_t beyond = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t c = channel.of(i);
    evidence.weight_reach[c] = std::max(evidence.weight_reach[c], std::abs(static_cast<double>(w[i])));
    // Rounding alone moves a weight by half a step.
    beyond += std::abs(w[i]) - std::abs(integer[i]) > 0.6F * change.weight_steps[c];
  }
  evidence.clipped_weights =
      static_cast<double>(beyond) / static_cast<double>(std::max<std::size_t>(w.size(), 1));
}

void describe_bias(const Graph& reference, Evidence& evidence) {
  const LayerChange& change = *evidence.change;
  if (!change.bias || change.node == kNone) return;
  const Node& node = reference.node(change.node);
  evidence.bias_shift = change.bias->to_floats();
  if (node.inputs.size() < 3 || !reference.value(node.inputs[2]).constant) return;
  const std::vector<float> bias = reference.value(node.inputs[2]).constant.to_floats();
  for (std::size_t c = 0; c < evidence.bias_shift.size(); ++c)
    evidence.bias_shift[c] -= bias[bias.size() == 1 ? 0 : c];
}

/// The part that costs most, with what is known of it.
Evidence examine(const Laboratory& laboratory, const LayerChange& change) {
  Evidence evidence;
  evidence.change = &change;
  double most = -1;
  for (const Part part : {Part::weights, Part::bias, Part::value}) {
    const LayerChange one = only(change, part);
    if (!one.changes_anything()) continue;
    Effect effect = laboratory.alone(one);
    if (effect.output_noise <= most) continue;
    most = effect.output_noise;
    evidence.part = part;
    evidence.error = part == Part::value ? std::move(effect.stored) : std::move(effect.raw);
  }
  describe_weights(laboratory.reference(), evidence);
  describe_bias(laboratory.reference(), evidence);
  if (evidence.part == Part::value)
    evidence.clipped_share = laboratory.values().saturation(change.value, change.stored).energy /
                             std::max(evidence.error.error_energy(), 1e-300);
  return evidence;
}

void explain(const Laboratory& laboratory, std::size_t index, double noise, LayerDiagnosis& diagnosis) {
  const LayerChange& change = laboratory.changes()[index];
  const Evidence evidence = examine(laboratory, change);
  Verdict verdict = judge(evidence);
  diagnosis.reason = std::move(verdict.finding.reason);
  diagnosis.detail = std::move(verdict.finding.detail);
  diagnosis.channel = verdict.finding.channel;
  const ValueError value = laboratory.values().extremes(change.value);
  for (const std::string& name : verdict.remedies) {
    const Remedy& remedy = find_remedy(name);
    const double cured = laboratory.together(index, remedy.apply(laboratory.reference(), change, value));
    diagnosis.trials.push_back({name, std::string(remedy.advice), decibels(noise, cured)});
  }
  std::stable_sort(diagnosis.trials.begin(), diagnosis.trials.end(),
                   [](const Trial& a, const Trial& b) { return a.gain_db > b.gain_db; });
}

}  // namespace

Diagnosis diagnose(const Graph& reference, const Graph& quantized, const SampleSource& samples,
                   const DiagnoseOptions& options, const Progress& progress) {
  Graph integer = quantized;
  run_passes(integer, simplification_passes());
  const Laboratory laboratory(float_graph(reference), integer, samples, options);
  const std::vector<LayerChange>& changes = laboratory.changes();
  const std::size_t explained = std::min(options.explained, changes.size());

  std::mutex mutex;
  std::size_t done = 0;
  const std::size_t all = changes.size() + explained + 1;
  const auto advance = [&] {
    const std::lock_guard lock(mutex);
    if (progress && !progress(++done, all)) throw Cancelled("the diagnosis was interrupted");
  };

  Diagnosis result;
  result.samples = laboratory.values().samples();
  std::vector<std::pair<std::string, std::string>> names;
  for (const LayerChange& change : changes) {
    const std::string& name = laboratory.reference().value(change.value).name;
    names.emplace_back(name, name);
  }
  const auto cumulative = laboratory.values().compare(Program::compile(quantized), names);
  result.output_sqnr_db = decibels(1, laboratory.values().output_noise(cumulative));
  const double noise = laboratory.together(changes.size(), std::nullopt);
  result.simulated_sqnr_db = decibels(1, noise);
  advance();

  std::vector<Effect> effects(changes.size());
  for_each_index(changes.size(), options.threads, [&](std::size_t i) {
    effects[i] = laboratory.alone(changes[i]);
    advance();
  });
  double total = 0;
  for (const Effect& effect : effects) total += effect.output_noise;
  std::vector<std::size_t> order(changes.size());
  for (std::size_t i = 0; i < changes.size(); ++i) {
    order[i] = i;
    LayerDiagnosis layer;
    layer.layer = changes[i].layer;
    layer.op = changes[i].op;
    layer.isolated_sqnr_db = effects[i].stored.sqnr_db();
    const auto own = cumulative.find(names[i].first);
    layer.cumulative_sqnr_db =
        own != cumulative.end() ? own->second.sqnr_db() : std::numeric_limits<double>::quiet_NaN();
    layer.output_sqnr_db = decibels(1, effects[i].output_noise);
    layer.share = total > 0 ? effects[i].output_noise / total : 0;
    const Saturation saturation = laboratory.values().saturation(changes[i].value, changes[i].stored);
    layer.saturated = saturation.count;
    layer.elements = saturation.elements;
    result.layers.push_back(std::move(layer));
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return effects[a].output_noise > effects[b].output_noise;
  });
  for_each_index(explained, options.threads, [&](std::size_t k) {
    explain(laboratory, order[k], noise, result.layers[order[k]]);
    advance();
  });
  std::vector<LayerDiagnosis> sorted;
  for (const std::size_t i : order) sorted.push_back(std::move(result.layers[i]));
  result.layers = std::move(sorted);
  return result;
}

}  // namespace refcalib::engine
