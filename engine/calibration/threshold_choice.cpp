#include "engine/calibration/threshold_choice.h"

#include <algorithm>
#include <refcalib/params.hpp>
#include <refcalib/quantization_noise.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "engine/calibration/float_layers.h"
#include "engine/calibration/name_pattern.h"
#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

constexpr std::string_view kByType = "type:";

/// The names and the types that a value goes by.
struct ValueNames {
  std::set<std::string> layers, types;
};

ValueNames names_of(const CalibrationOptions& options, const Graph& original, const Graph& simplified,
                    ValueId id) {
  ValueNames names;
  names.layers.insert(simplified.value(id).name);
  if (const Node* const producer = simplified.producer(id); producer != nullptr) {
    names.layers.merge(layers_of(original, simplified, *producer));
    names.types.insert(producer->op);
  }
  for (const std::string& layer : names.layers)
    if (const auto type = options.layer_types.find(layer); type != options.layer_types.end())
      names.types.insert(type->second);
  return names;
}

Scheme scheme_of(const CalibrationOptions& options) {
  const TargetProfile& target = options.target;
  if (options.activations != "symmetric" && options.activations != "asymmetric")
    throw UsageError("unknown activation scheme '" + options.activations + "'; known: symmetric, asymmetric");
  const bool symmetric = options.activations == "symmetric";
  if (symmetric ? !target.symmetric : !target.asymmetric)
    throw UsageError("target '" + target.name + "' has no " + options.activations + " activations; use " +
                     (symmetric ? "asymmetric" : "symmetric") + " ones");
  return symmetric ? Scheme::symmetric : Scheme::asymmetric;
}

}  // namespace

const ThresholdMethod& ThresholdChoice::method() const {
  return spec.automatic() ? find_threshold_method(default_method()) : *spec.method;
}

QuantizationRange ThresholdChoice::range(const ValueStatistics& seen, const ThresholdMethod& search) const {
  const ThresholdInput input(seen.histogram, {seen.sample_ranges, seen.sample_channel_ranges});
  const Range found = search.search(input, levels, scheme, spec.options);
  if (power_of_two) {
    const Range exact = representable_range(choose_power_of_two(found, levels, seen.histogram));
    return {exact.min, exact.max};
  }
  const Range exact = representable_range(scheme == Scheme::symmetric ? choose_symmetric(found, levels)
                                                                      : choose_asymmetric(found, levels));
  return {exact.min, exact.max};
}

QuantizationRange ThresholdChoice::representable(const QuantizationRange& range) const {
  // Ranges of s8 have one shape, so the larger one of two contains the other.
  if (levels.is_signed()) return range;
  if (scheme == Scheme::asymmetric) {
    const Range exact = representable_range(choose_asymmetric({range.low, range.high}, levels));
    return {exact.min, exact.max};
  }
  // There is one level more below zero than above, which must not widen the range each time.
  const std::int32_t zero_point = symmetric_zero_point(levels, range.low < 0);
  const float below = zero_point == 0 ? 0.0F
                                      : range.low * static_cast<float>(levels.qmax - zero_point) /
                                            static_cast<float>(zero_point);
  const Range even{range.low < 0 ? -std::max(range.high, -below) : 0.0F, std::max(range.high, -below)};
  const Range exact =
      representable_range(power_of_two ? choose_power_of_two(even, levels) : choose_symmetric(even, levels));
  return {exact.min, exact.max};
}

ThresholdSelection::ThresholdSelection(const CalibrationOptions& options, const Graph& original,
                                       const Graph& simplified) {
  ThresholdOptions defaults;
  if (options.kl_bins != 0) defaults.kl.bins = options.kl_bins;
  ThresholdChoice common;
  common.spec = parse_method(options.method, defaults);
  common.scheme = scheme_of(options);
  common.levels = options.target.activation_levels();
  common.power_of_two = options.target.power_of_two_activations;
  choices_.push_back(common);
  if (options.method_for.empty()) return;

  std::map<ValueId, ValueNames> names;
  ValueNames known;
  for (ValueId id = 0; id < simplified.value_count(); ++id) {
    if (simplified.value(id).constant) continue;
    names[id] = names_of(options, original, simplified, id);
    known.layers.insert(names[id].layers.begin(), names[id].layers.end());
    known.types.insert(names[id].types.begin(), names[id].types.end());
  }
  for (const auto& [text, method] : options.method_for) {
    const bool by_type = text.starts_with(kByType);
    const NamePatterns pattern({by_type ? text.substr(kByType.size()) : text});
    pattern.require_matches(by_type ? known.types : known.layers, by_type ? "layer of type" : "layer");
    ThresholdChoice choice = common;
    choice.spec = parse_method(method, defaults);
    for (const auto& [id, own] : names) {
      const std::set<std::string>& candidates = by_type ? own.types : own.layers;
      if (std::any_of(candidates.begin(), candidates.end(),
                      [&](const std::string& name) { return pattern.matches(name); }))
        special_[id] = choices_.size();
    }
    choices_.push_back(std::move(choice));
  }
}

const ThresholdChoice& ThresholdSelection::of(ValueId value) const {
  const auto special = special_.find(value);
  return choices_[special == special_.end() ? 0 : special->second];
}

bool ThresholdSelection::automatic() const noexcept {
  return std::any_of(choices_.begin(), choices_.end(),
                     [](const ThresholdChoice& choice) { return choice.spec.automatic(); });
}

SampleRecords ThresholdSelection::records() const noexcept {
  SampleRecords records;
  for (const ThresholdChoice& choice : choices_)
    records.channel_ranges =
        records.channel_ranges ||
        (!choice.spec.automatic() && choice.method().needs == ThresholdNeeds::channel_extremes);
  return records;
}

void ThresholdSelection::require_records(const SampleRecords& kept) const {
  for (const ThresholdChoice& choice : choices_) {
    const ThresholdNeeds needs = choice.method().needs;
    if (choice.spec.automatic() || needs == ThresholdNeeds::histogram ||
        (kept.ranges && (needs == ThresholdNeeds::image_extremes || kept.channel_ranges)))
      continue;
    const bool channels = needs == ThresholdNeeds::channel_extremes;
    throw UsageError(
        "method '" + std::string(choice.method().name) + "' needs records of " +
            (channels ? "the channels of " : "") + "single samples that these statistics do not keep",
        {{}, {}, channels ? "collect them with --channel-records" : "collect them without --no-records"});
  }
}

}  // namespace refcalib::engine
