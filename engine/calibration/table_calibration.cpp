#include "engine/calibration/table_calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "engine/calibration/corrections.h"
#include "engine/calibration/name_pattern.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/table_names.h"
#include "engine/calibration/threshold_choice.h"
#include "engine/calibration/weight_ranges.h"
#include "engine/core/error.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/op.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

using tables::ActivationEntry;
using tables::CalibrationTable;
using Place = ActivationEntry::Place;

constexpr std::int32_t kAsymmetric = 256, kSymmetric = 255;

/// True if what computes a value cannot give negatives.
bool is_non_negative(const Graph& graph, ValueId value) {
  const Node* const producer = graph.producer(value);
  if (producer == nullptr) return false;
  if (const WeightedTraits* const traits = weighted_traits(*producer))
    return traits->activation != nullptr && traits->activation(producer->attributes).low >= 0;
  if (producer->op == "Eltwise" && producer->attributes.as<EltwiseAttributes>().activation.low >= 0)
    return true;
  if (producer->op == "Activation") {
    const auto& a = producer->attributes.as<ActivationAttributes>();
    return a.function == "relu" || a.function == "sigmoid" || a.function == "hsigmoid" ||
           (a.function == "clamp" && a.alpha >= 0);
  }
  const QuantizationRule rule = op_record(producer->op).rule;
  const bool moves = rule == QuantizationRule::pass || rule == QuantizationRule::pooling;
  if (rule != QuantizationRule::unify && !moves) return false;
  const std::size_t count = rule == QuantizationRule::unify ? producer->inputs.size() : 1;
  for (std::size_t i = 0; i < count; ++i)
    if (!is_non_negative(graph, producer->inputs[i])) return false;
  return true;
}

/// Limits and the levels that lie over them.
struct Chosen {
  QuantizationRange range;
  std::int32_t levels = kAsymmetric;
};

/// The limits that hold all of the entries of values that share a range.
std::optional<Chosen> chosen_range(const CalibrationPlan& plan, const std::vector<ValueId>& group,
                                   const TableNames& names, const ThresholdSelection& selection) {
  double low = 0, high = 0;
  bool symmetric = true, any = false;
  for (const ValueId value : group) {
    const bool positive = is_non_negative(plan.simplified, value);
    for (const ActivationEntry* const entry : names.of(value)) {
      const bool seen_positive = entry->observed && entry->observed->first >= 0;
      const bool from_zero = entry->symmetric && (positive || seen_positive);
      low = std::min(low, from_zero ? 0.0 : entry->low);
      high = std::max(high, entry->high);
      symmetric = symmetric && entry->symmetric;
      any = true;
    }
  }
  if (!any) return std::nullopt;
  if (symmetric && low < 0) {
    const auto limit = static_cast<float>(std::max(-low, high));
    return Chosen{{-limit, limit}, kSymmetric};
  }
  const QuantizationRange range{static_cast<float>(low), static_cast<float>(high)};
  // Zero becomes a level where it is not one yet.
  const Quantization q = activation_quantization({range}, kAsymmetric);
  const float step = std::abs(-range.low / q.scale.front() - static_cast<float>(q.zero_point));
  constexpr float exact = 1e-3F;
  return Chosen{step < exact ? range : selection.of(group.front()).representable(range), kAsymmetric};
}

/// Limits of a layer's weights as the table states them.
std::vector<QuantizationRange> stated_weights(const tables::WeightEntry& entry, std::size_t channels) {
  if (entry.limits.size() != 1 && entry.limits.size() != channels)
    throw FormatError("the table has " + std::to_string(entry.limits.size()) + " limits for the weights of " +
                          std::to_string(channels) + " output channels",
                      {{}, entry.layer, "is it the table of another network?"});
  std::vector<QuantizationRange> ranges;
  for (const double limit : entry.limits) {
    const float high = limit > 0 ? static_cast<float>(limit) : 1.0F;
    ranges.push_back({-high, high});
  }
  return ranges;
}

/// Layers that would run in INT8 and for whose input (or weights, where these choose) the table has nothing.
std::vector<std::string> layers_without_entry(const CalibrationPlan& plan, const TableNames& names,
                                              const CalibrationTable& table) {
  std::set<ValueId> covered;
  for (const auto& group : plan.candidates.groups)
    if (std::any_of(group.begin(), group.end(), [&](ValueId value) { return !names.of(value).empty(); }))
      covered.insert(group.begin(), group.end());
  std::vector<std::string> layers;
  for (const NodeId id : plan.candidates.weighted) {
    const Node& node = plan.simplified.node(id);
    const bool unchosen = table.weights_choose_layers && names.weights_of(node) == nullptr;
    if (!covered.contains(node.inputs.front()) || unchosen) layers.push_back(node.name);
  }
  return layers;
}

[[noreturn]] void nothing_fits(const CalibrationTable& table, const TableNames& names) {
  const std::string& first = table.activations.front().name;
  const std::string near = nearest_name(first, names.known());
  throw UsageError(
      "the table has nothing for the inputs of layers that could run in INT8; its first name is '" + first +
          "'",
      {{}, {}, near.empty() ? "is it the table of another network?" : "the nearest name is '" + near + "'"});
}

void annotate_activations(const Graph& original, const CalibrationPlan& plan, const TableNames& names,
                          const CalibrationOptions& options, CalibrationResult& result) {
  const ThresholdSelection selection(options, original, plan.simplified);
  for (const auto& group : plan.candidates.groups) {
    const auto chosen = chosen_range(plan, group, names, selection);
    if (!chosen) continue;
    for (const ValueId id : group) {
      const std::string& name = plan.simplified.value(id).name;
      if (original.find_value(name) == kNone) continue;
      result.annotation.activations.push_back({name, {chosen->range}, chosen->levels, {}, {}});
      ValueReport report;
      report.value = name;
      report.observed_min = chosen->range.low;
      report.observed_max = chosen->range.high;
      report.range = chosen->range;
      report.method = "table";
      result.values.push_back(std::move(report));
    }
  }
}

void annotate_weights(const Graph& original, const CalibrationPlan& plan, const TableNames& names,
                      const CalibrationOptions& options, ir::Annotation& annotation) {
  const WeightSelection selection(options);
  for (const NodeId id : plan.candidates.weighted) {
    const Node& node = plan.simplified.node(id);
    const Node* const source = source_layer(original, node.name);
    if (source == nullptr) continue;
    const tables::WeightEntry* const entry = names.weights_of(node);
    annotation.weights.push_back(
        {node.name,
         entry != nullptr ? stated_weights(*entry, weight_channels_of(plan.simplified, node).count())
                          : selection.ranges(original, *source, *source_weights(original, *source)),
         255,
         {}});
  }
}

}  // namespace

TableCalibration calibrate_from_table(const Graph& original, const CalibrationTable& table,
                                      const CalibrationOptions& options, const Statistics* seen) {
  TableCalibration calibration;
  CalibrationPlan plan = plan_calibration(original, options);
  {
    const TableNames names(original, plan.simplified, table);
    calibration.unmatched = names.unmatched();
    calibration.without_entry = layers_without_entry(plan, names, table);
    if (calibration.without_entry.size() == plan.candidates.weighted.size()) nothing_fits(table, names);
  }
  if (!calibration.without_entry.empty()) {
    CalibrationOptions rest = options;
    rest.ignore_layers.insert(rest.ignore_layers.end(), calibration.without_entry.begin(),
                              calibration.without_entry.end());
    plan = plan_calibration(original, rest);
  }
  const TableNames names(original, plan.simplified, table);
  CalibrationResult& result = calibration.result;
  result.annotation.keep_float = plan.keep_float;
  annotate_weights(original, plan, names, options, result.annotation);
  annotate_activations(original, plan, names, options, result);
  if (seen != nullptr) {
    CalibrationState state{original, plan, *seen, options, nullptr, result.annotation};
    result.left_out = run_corrections(state);
  } else {
    for (const Correction& correction : corrections())
      if (correction.enabled(options)) result.left_out.emplace_back(correction.name);
  }
  return calibration;
}

std::vector<ir::Annotation::Activation> table_limits(const Graph& original, const CalibrationTable& table,
                                                     const CalibrationOptions& options,
                                                     const std::vector<std::string>& values) {
  CalibrationPlan plan;
  plan.simplified = original;
  drop_quantization(plan.simplified);
  for (const std::string& name : values)
    if (const ValueId id = plan.simplified.find_value(name); id != kNone && !plan.simplified.is_output(id))
      plan.simplified.outputs.push_back(id);
  run_passes(plan.simplified, simplification_passes());
  const TableNames names(original, plan.simplified, table);
  const ThresholdSelection selection(options, original, plan.simplified);
  std::vector<ir::Annotation::Activation> limits;
  for (const std::string& name : values) {
    const ValueId id = plan.simplified.find_value(name);
    if (id == kNone) continue;
    if (const auto chosen = chosen_range(plan, {id}, names, selection))
      limits.push_back({name, {chosen->range}, chosen->levels, {}, {}});
  }
  return limits;
}

CalibrationTable table_of(const Graph& calibrated) {
  Graph graph = calibrated;
  run_passes(graph, simplification_passes());
  CalibrationTable table;
  std::set<ValueId> stated;
  const auto add = [&](ValueId id, const std::string& name, Place place) {
    const auto& q = graph.value(id).quantization;
    if (!q || graph.value(id).constant) return;
    if (place == Place::output && !stated.insert(id).second) return;
    double low = 0, high = 0;
    for (std::size_t c = 0; c < q->scale.size(); ++c) {
      const double scale = static_cast<double>(q->scale[c]), zero = q->zero_point_of(c);
      low = std::min(low, scale * (q->qmin - zero));
      high = std::max(high, scale * (q->qmax - zero));
    }
    const bool symmetric = q->qmax - q->qmin == kSymmetric - 1 && low == -high;
    table.activations.push_back({name, place, low, high, symmetric, {}});
  };
  for (const ValueId id : graph.inputs) add(id, graph.value(id).name, Place::output);
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (const WeightedTraits* const traits = weighted_traits(node);
        traits != nullptr && node.hint != PrecisionHint::keep_float &&
        graph.value(node.inputs.front()).quantization && graph.value(node.inputs[1]).constant) {
      add(node.inputs.front(), plain_name(node.name), Place::input);
      const WeightChannels channels = weight_channels_of(graph, node);
      tables::WeightEntry entry{plain_name(node.name), {}};
      if (const auto& q = graph.value(node.inputs[1]).quantization) {
        for (const float scale : q->scale) entry.limits.push_back(static_cast<double>(scale) * 127);
      } else {
        entry.limits.assign(channels.count(), 0);
        const std::vector<float> weights = graph.value(node.inputs[1]).constant.to_floats();
        for (std::size_t i = 0; i < weights.size(); ++i) {
          double& limit = entry.limits[channels.of(i)];
          limit = std::max(limit, std::abs(static_cast<double>(weights[i])));
        }
      }
      table.weights.push_back(std::move(entry));
    }
    for (const ValueId output : node.outputs) add(output, graph.value(output).name, Place::output);
  }
  return table;
}

}  // namespace refcalib::engine
