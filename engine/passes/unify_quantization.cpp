#include <algorithm>

#include "engine/passes/passes.h"
#include "engine/passes/quantization_groups.h"

namespace refcalib::engine {

/// Operations that only move or select values read and write integers of one scale: the values around them get the widest of
/// their quantizations.
void unify_quantization(Graph& graph) {
  for (const auto& group : quantization_groups(graph)) {
    if (group.size() < 2) continue;
    std::vector<ValueId> annotated;
    for (const ValueId id : group)
      if (graph.value(id).quantization) annotated.push_back(id);
    if (annotated.empty()) continue;
    const Quantization first = *graph.value(annotated.front()).quantization;
    const bool equal = std::all_of(annotated.begin(), annotated.end(),
                                   [&](ValueId id) { return graph.value(id).quantization == first; });
    Quantization common = first;
    if (!equal || first.per_channel()) {
      QuantizationRange range;
      for (const ValueId id : annotated) range = widest(range, extent(*graph.value(id).quantization));
      common = activation_quantization({range}, 256);
    }
    for (const ValueId id : group) graph.value(id).quantization = common;
  }
}

}  // namespace refcalib::engine
