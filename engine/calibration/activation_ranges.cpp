#include "engine/calibration/activation_ranges.h"

#include <stdexcept>
#include <string>

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

}  // namespace

QuantizationRange group_range(const CalibrationPlan& plan, const std::vector<ValueId>& group,
                              const Statistics& statistics, const ThresholdSelection& selection,
                              const ThresholdMethod* method) {
  QuantizationRange range;
  for (const ValueId id : group) {
    const std::string& name = plan.simplified.value(id).name;
    const ThresholdChoice& choice = selection.of(id);
    const ThresholdMethod& search = method != nullptr ? *method : choice.method();
    try {
      range = widest(range, choice.range(seen_of(statistics, name), search));
    } catch (const std::invalid_argument& error) {
      throw UsageError(error.what(),
                       {{}, name, "use statistics with records of single images, or another method"});
    }
  }
  return group.size() == 1 ? range : selection.of(group.front()).representable(range);
}

std::vector<ChosenRange> activation_ranges(const CalibrationPlan& plan, const Statistics& statistics,
                                           const ThresholdSelection& selection, int threads) {
  const auto& groups = plan.candidates.groups;
  for (const auto& group : groups)
    for (const ValueId id : group) static_cast<void>(seen_of(statistics, plan.simplified.value(id).name));
  std::vector<ChosenRange> ranges(groups.size());
  for_each_index(groups.size(), threads, [&](std::size_t g) {
    ranges[g] = {group_range(plan, groups[g], statistics, selection),
                 std::string(selection.of(groups[g].front()).method().name)};
  });
  return ranges;
}

}  // namespace refcalib::engine
