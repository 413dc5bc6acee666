#include <vector>

#include "engine/passes/passes.h"

namespace refcalib::engine {

/// Erases nodes whose outputs nobody reads.
void eliminate_dead(Graph& graph) {
  std::vector<bool> live(graph.value_count(), false);
  for (const ValueId id : graph.outputs) live[id] = true;
  std::vector<NodeId> order = graph.order();
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const Node& node = graph.node(*it);
    bool used = false;
    for (const ValueId id : node.outputs) used = used || live[id];
    if (!used) {
      graph.erase(*it);
      continue;
    }
    for (const ValueId id : node.inputs) live[id] = true;
  }
}

}  // namespace refcalib::engine
