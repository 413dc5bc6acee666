#include "engine/calibration/observing_memory.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <optional>
#include <refcalib/exact_sum.hpp>
#include <refcalib/histogram.hpp>
#include <string>

#include "engine/calibration/plan.h"
#include "engine/core/error.h"
#include "engine/runtime/program_impl.h"

namespace refcalib::engine {
namespace {

/// Names, nodes of maps, padding of tables and what allocations round up to, for one value.
constexpr std::size_t kValueOverhead = 2048;
/// A table of counts that grows is in memory twice, one at a time in a thread.
constexpr std::size_t kGrowingTable = 2 * Histogram::kBins * sizeof(std::uint64_t);
/// Records grow by doubling: the old ones are still there when twice the room has been made.
constexpr std::size_t kGrowth = 3;

/// Bytes of the statistics of one value, counts of both signs, with the scratch memory of its observer.
std::size_t bytes_of(const Observing& what, ValueId id) {
  const Value& value = what.program.graph().value(id);
  const std::size_t axis = channel_axis(what.program.graph(), id);
  const std::size_t channels =
      value.shape.size() > axis ? static_cast<std::size_t>(value.shape[axis]) : std::size_t{1};
  const std::size_t padded = channels + detail::kChannelPadding;
  const std::size_t counts = 2 * Histogram::kBins * sizeof(std::uint64_t);
  const std::size_t of_channels = channels * (2 * sizeof(float) + 2 * sizeof(ExactSum));
  const std::size_t scratch = padded * (4 * sizeof(float) + 2 * sizeof(double));
  const std::size_t of_sample = (what.records.ranges ? sizeof(Range) : 0) +
                                (what.records.channel_ranges ? channels * sizeof(Range) : 0);
  return counts + of_channels + scratch + kGrowth * what.samples * of_sample + kValueOverhead;
}

/// What the values of a network take.
class Sizes {
 public:
  explicit Sizes(const Observing& what) : what_(what) {
    for (const ValueId id : what.values) values_.push_back(bytes_of(what, id));
    all_ = std::reduce(values_.begin(), values_.end(), std::size_t{0});
    widest_ = values_.empty() ? 0 : *std::max_element(values_.begin(), values_.end());
    thread_ = what.program.arena_bytes() + what.program.impl().scratch_bytes + kGrowingTable;
  }

  /// Observers of `part` bytes in each thread, their sum, and those of one thread while they are added to it.
  std::size_t of_pass(std::size_t threads, std::size_t part) const {
    return threads * thread_ + (threads + 2) * part;
  }
  std::size_t at_once(std::size_t threads) const { return of_pass(threads, all_); }
  /// With the statistics of earlier passes beside it.
  std::size_t in_parts(std::size_t threads, std::size_t part) const { return all_ + of_pass(threads, part); }
  std::size_t least() const { return std::min(at_once(1), in_parts(1, widest_)); }

  /// The plan for so many threads; nullopt if the bound does not allow them.
  std::optional<ObservingPlan> plan(std::size_t threads, std::size_t bound) const {
    if (bound == 0 || at_once(threads) <= bound)
      return ObservingPlan{threads, {what_.values}, at_once(threads)};
    if (in_parts(threads, widest_) > bound) return std::nullopt;
    ObservingPlan plan{threads, {{}}, 0};
    std::size_t part = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (in_parts(threads, part + values_[i]) > bound) {
        plan.passes.emplace_back();
        part = 0;
      }
      plan.passes.back().push_back(what_.values[i]);
      part += values_[i];
      plan.bytes = std::max(plan.bytes, in_parts(threads, part));
    }
    return plan;
  }

 private:
  const Observing& what_;
  std::vector<std::size_t> values_;
  std::size_t all_ = 0, widest_ = 0, thread_ = 0;
};

/// In MB with one decimal, rounded up: what is named is enough.
std::string megabytes_text(std::size_t bytes) {
  constexpr std::size_t tenth = 100'000;
  char text[32];
  static_cast<void>(
      std::snprintf(text, sizeof(text), "%.1f", static_cast<double>((bytes + tenth - 1) / tenth) / 10));
  return text;
}

}  // namespace

ObservingPlan plan_observing(const Observing& what, std::size_t bound) {
  const Sizes sizes(what);
  std::optional<ObservingPlan> best;
  for (std::size_t threads = what.threads; threads > 0; --threads) {
    std::optional<ObservingPlan> plan = sizes.plan(threads, bound);
    if (plan && (!best || plan->passes.size() * best->threads < best->passes.size() * plan->threads))
      best = std::move(plan);
  }
  if (!best)
    throw UsageError("observing this network takes at least " + megabytes_text(sizes.least()) +
                         " MB, one value at a time, and " + megabytes_text(bound) + " MB are allowed",
                     {{}, {}, "allow that much, or collect statistics of parts of the data and merge them"});
  return *best;
}

}  // namespace refcalib::engine
