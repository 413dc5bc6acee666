#include "engine/calibration/calibrate.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <optional>
#include <refcalib/params.hpp>
#include <refcalib/threshold.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "engine/calibration/bias_correction.h"
#include "engine/calibration/candidates.h"
#include "engine/calibration/range_observer.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantization_groups.h"

namespace refcalib::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Samples dealt out to workers, each with a session and an observer of its own; what they saw is merged exactly, so the deal does
/// not matter.
class Collection {
 public:
  Collection(std::shared_ptr<const Program> program, std::size_t samples, const FillInputs& fill,
             const Progress& progress)
      : program_(std::move(program)), samples_(samples), fill_(fill), progress_(progress) {}

  std::map<ValueId, ObservedValue> run(const std::vector<ValueId>& watched, int threads) {
    std::vector<RangeObserver> observers(static_cast<std::size_t>(threads),
                                         RangeObserver(*program_, watched));
    {
      std::vector<std::jthread> helpers;
      for (std::size_t t = 1; t < observers.size(); ++t) helpers.emplace_back([&, t] { work(observers[t]); });
      work(observers[0]);
    }
    if (error_) std::rethrow_exception(error_);
    std::map<ValueId, ObservedValue> total = observers[0].values();
    for (std::size_t t = 1; t < observers.size(); ++t)
      for (auto& [id, value] : total) value.merge(observers[t].values().at(id));
    return total;
  }

  std::uint64_t used() const noexcept { return used_; }
  /// The first sample, in the order of their numbers, for which a watched value was not finite.
  std::optional<std::size_t> first_not_finite() const noexcept { return not_finite_; }

 private:
  void work(RangeObserver& observer) noexcept {
    try {
      Session session(program_, 1);
      std::uint64_t not_finite = 0;
      for (std::size_t index = next_++; index < samples_ && !stop_; index = next_++) {
        if (fill_(session, index)) {
          session.run(observer);
          ++used_;
        }
        const std::uint64_t seen = observer.not_finite();
        const std::lock_guard lock(mutex_);
        if (seen != std::exchange(not_finite, seen))
          not_finite_ = std::min(index, not_finite_.value_or(index));
        if (progress_ && !progress_(++done_, samples_)) {
          stop_ = true;
          if (!error_) error_ = std::make_exception_ptr(Cancelled("calibration was interrupted"));
        }
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      if (!error_) error_ = std::current_exception();
    }
  }

  std::shared_ptr<const Program> program_;
  std::size_t samples_;
  const FillInputs& fill_;
  const Progress& progress_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> used_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::size_t done_ = 0;
  std::optional<std::size_t> not_finite_;
  std::exception_ptr error_;
};

/// `sample`: the first one that led to a value that is not finite.
void check_finite(const Graph& graph, const std::map<ValueId, ObservedValue>& seen,
                  const std::string& sample) {
  for (const auto& [id, value] : seen)
    if (value.histogram.nan_count() > 0 || value.histogram.inf_count() > 0)
      throw FormatError("computes " + std::to_string(value.histogram.nan_count()) + " NaN and " +
                            std::to_string(value.histogram.inf_count()) +
                            " infinite values on the calibration data, first for " + sample,
                        {{}, graph.value(id).name, "check the preprocessing, or leave the layer in float"});
}

QuantizationRange choose_range(const ObservedValue& seen, const ThresholdMethod& method, Scheme scheme) {
  const QuantParams params = choose_params(seen.histogram, kUint8, scheme, method);
  const Range range = representable_range(params);
  return {range.min, range.max};
}

/// Zeros without a sign: which of -0 and 0 is seen first depends on the order of the samples.
std::vector<float> unsigned_zeros(std::vector<float> values) {
  for (float& v : values) v += 0.0F;
  return values;
}

void search(const Graph& original, const Graph& graph, const Candidates& candidates,
            const std::map<ValueId, ObservedValue>& seen, const CalibrationOptions& options,
            CalibrationResult& result) {
  const ThresholdMethod& method = find_threshold_method(options.method);
  const Scheme scheme = options.activations == "symmetric" ? Scheme::symmetric : Scheme::asymmetric;
  for (const auto& group : candidates.groups) {
    QuantizationRange range;
    for (const ValueId id : group) range = widest(range, choose_range(seen.at(id), method, scheme));
    if (group.size() > 1) {
      // The union of two ranges need not have an integer zero point.
      const Range exact = representable_range(choose_asymmetric({range.low, range.high}, kUint8));
      range = {exact.min, exact.max};
    }
    for (const ValueId id : group) {
      const ObservedValue& value = seen.at(id);
      const std::string& name = graph.value(id).name;
      // Values that a pass made are not in the file; they share the range of one that is.
      if (original.find_value(name) == kNone) continue;
      result.annotation.activations.push_back(
          {name, {range}, 256, unsigned_zeros(value.channel_min), unsigned_zeros(value.channel_max)});
      const Range all = value.histogram.range();
      result.values.push_back({name, all.min + 0.0F, all.max + 0.0F, range, value.histogram.nan_count(),
                               value.histogram.inf_count()});
    }
  }
}

/// The constant weights of a node, also from in front of an earlier calibration's FakeQuantize; nullptr if they are computed.
const Constant* source_weights(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 2) return nullptr;
  ValueId id = node.inputs[1];
  while (!graph.value(id).constant) {
    const Node* producer = graph.producer(id);
    if (producer == nullptr || (producer->op != "FakeQuantize" && producer->op != "Reshape")) return nullptr;
    id = producer->inputs.front();
  }
  return &graph.value(id).constant;
}

/// Largest magnitudes of the weights as the file has them, one per output channel or one for all.
std::vector<QuantizationRange> weight_ranges(const Graph& graph, const Node& node, const Constant& source,
                                             bool per_channel) {
  const std::vector<float> w = source.to_floats();
  const WeightChannels channel = weight_channels_of(graph, node);
  std::vector<float> largest(per_channel ? channel.count() : 1, 0.0F);
  for (std::size_t i = 0; i < w.size(); ++i) {
    float& top = largest[per_channel ? channel.of(i) : 0];
    top = std::max(top, std::abs(w[i]));
  }
  // A channel of zeros, or of denormal size, has no scale of its own.
  constexpr float smallest = 1e-30F;
  std::vector<QuantizationRange> ranges;
  for (const float top : largest)
    ranges.push_back(top < smallest ? QuantizationRange{-1.0F, 1.0F} : QuantizationRange{-top, top});
  return ranges;
}

void choose_weights(const Graph& original, const Graph& simplified, const Candidates& candidates,
                    const std::map<ValueId, ObservedValue>& seen, const CalibrationOptions& options,
                    CalibrationResult& result) {
  for (const NodeId id : candidates.weighted) {
    const std::string& name = simplified.node(id).name;
    for (const NodeId source : original.order()) {
      const Node& node = original.node(source);
      const Constant* weights = node.name == name ? source_weights(original, node) : nullptr;
      if (weights == nullptr) continue;
      std::vector<QuantizationRange> ranges =
          weight_ranges(original, node, *weights, options.per_channel_weights);
      const auto input = seen.find(simplified.node(id).inputs.front());
      std::vector<float> bias;
      if (options.correct_bias && input != seen.end())
        bias = corrected_bias(original, node, *weights, ranges, input->second.channel_means());
      result.annotation.weights.push_back({name, std::move(ranges), 255, std::move(bias)});
    }
  }
}

}  // namespace

std::string default_method() {
  return "mse";
}

CalibrationResult calibrate(const Graph& graph, std::size_t samples, const FillInputs& fill,
                            const CalibrationOptions& options, const Progress& progress) {
  try {
    static_cast<void>(find_threshold_method(options.method));
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  if (options.activations != "symmetric" && options.activations != "asymmetric")
    throw UsageError("unknown activation scheme '" + options.activations + "'; known: symmetric, asymmetric");
  CalibrationResult result;
  Graph simplified = graph;
  drop_quantization(simplified);
  run_passes(simplified, simplification_passes());
  result.annotation.keep_float = mark_float_layers(simplified, graph, options);
  const Candidates candidates = find_candidates(simplified);
  if (candidates.weighted.empty())
    throw UsageError("no layer of this network can run in INT8",
                     {{}, {}, "'refcalib inspect' lists the reasons"});

  std::vector<ValueId> watched;
  for (const auto& group : candidates.groups) watched.insert(watched.end(), group.begin(), group.end());
  CompileOptions compile = default_options();
  compile.int8 = false;
  const auto program = Program::compile(simplified, compile);

  const auto start = Clock::now();
  const int threads = static_cast<int>(
      std::min<std::size_t>(static_cast<std::size_t>(options.threads > 0 ? options.threads : usable_cores()),
                            std::max<std::size_t>(samples, 1)));
  Collection collection(program, samples, fill, progress);
  const std::map<ValueId, ObservedValue> seen = collection.run(watched, threads);
  result.samples = collection.used();
  result.collect_seconds = seconds_since(start);
  if (result.samples == 0) throw UsageError("not one calibration sample could be used");
  if (const auto sample = collection.first_not_finite())
    check_finite(simplified, seen,
                 options.sample_name ? options.sample_name(*sample) : "sample " + std::to_string(*sample));

  const auto searching = Clock::now();
  search(graph, simplified, candidates, seen, options, result);
  choose_weights(graph, simplified, candidates, seen, options, result);
  result.search_seconds = seconds_since(searching);
  return result;
}

}  // namespace refcalib::engine
