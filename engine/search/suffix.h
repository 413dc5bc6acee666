#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// The part of a network that a change of some nodes can reach, as a network of its own.
struct Suffix {
  Graph graph;
  std::vector<ValueId> inputs;  ///< values of the whole network, one for each input of `graph`
  /// For each output of the whole network the output of `graph` that gives it; nullopt: the change does not reach it.
  std::vector<std::optional<std::size_t>> outputs;
};

/// What lies behind some nodes, with them. `whole`: simplified. Ranges and hints are taken over.
Suffix suffix_from(const Graph& whole, const std::set<NodeId>& first);

/// The nodes that run on integers, by the hints and ranges of a simplified graph: the layers that may, and what between or beside them is
/// drawn along, such as a pooling in front.
std::set<NodeId> integer_nodes(const Graph& simplified);

}  // namespace refcalib::engine
