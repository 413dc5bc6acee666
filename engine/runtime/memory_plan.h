#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Where each run-time value of a lowered graph lies in the arena.
struct MemoryPlan {
  struct Place {
    std::size_t offset = 0;         ///< bytes from the start of the arena
    std::int64_t pixel_stride = 0;  ///< channels-last values: elements from pixel to pixel
    bool used = false;
  };
  std::vector<Place> places;  ///< by ValueId
  std::size_t arena_bytes = 0;
};

/// Shares memory between values that do not live at the same time (greedy by size, after "Efficient Memory Management for Deep Neural Net
/// Inference", Pisarchyk and Lee 2020), lets views share their source and lets producers write slices of a concatenation.
/// `share` false gives every value memory of its own. Network inputs and outputs are never shared.
MemoryPlan plan_memory(const Graph& graph, bool share);

}  // namespace refcalib::engine
