#pragma once

#include <cstdint>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// A hash of all that determines what a network computes in float, and under which names: operations, attributes, connections, element
/// types, shapes, names and constants. Quantization and hints are left out.
std::uint64_t model_hash(const Graph& graph);

}  // namespace refcalib::engine
