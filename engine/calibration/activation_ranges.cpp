#include "engine/calibration/activation_ranges.h"

#include <refcalib/params.hpp>

#include "engine/core/error.h"
#include "engine/core/for_each_index.h"
#include "engine/passes/quantization_groups.h"

namespace refcalib::engine {
namespace {

const ValueStatistics& seen_of(const Statistics& statistics, const std::string& name) {
  const auto it = statistics.values.find(name);
  if (it == statistics.values.end())
    throw FormatError("the statistics do not have this value", {{}, name, "collect them anew"});
  return it->second;
}

QuantizationRange group_range(const CalibrationPlan& plan, const std::vector<ValueId>& group,
                              const Statistics& statistics, const ThresholdSelection& selection) {
  QuantizationRange range;
  for (const ValueId id : group)
    range = widest(
        range, selection.of(plan.simplified, id).range(seen_of(statistics, plan.simplified.value(id).name)));
  if (group.size() == 1) return range;
  // The union of two ranges need not have an integer zero point.
  const Range exact = representable_range(choose_asymmetric({range.low, range.high}, kUint8));
  return {exact.min, exact.max};
}

}  // namespace

std::vector<QuantizationRange> activation_ranges(const CalibrationPlan& plan, const Statistics& statistics,
                                                 const ThresholdSelection& selection, int threads) {
  const auto& groups = plan.candidates.groups;
  for (const auto& group : groups)
    for (const ValueId id : group) static_cast<void>(seen_of(statistics, plan.simplified.value(id).name));
  std::vector<QuantizationRange> ranges(groups.size());
  for_each_index(groups.size(), threads,
                 [&](std::size_t g) { ranges[g] = group_range(plan, groups[g], statistics, selection); });
  return ranges;
}

}  // namespace refcalib::engine
