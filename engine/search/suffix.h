#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// The part of a network that a change of one layer can reach, as a network of its own.
struct Suffix {
  Graph graph;
  std::vector<ValueId> inputs;  ///< values of the whole network, one for each input of `graph`
  /// For each output of the whole network the output of `graph` that gives it; nullopt: the change does not reach it.
  std::vector<std::optional<std::size_t>> outputs;
};

/// `whole`: simplified. Ranges and hints are taken over.
Suffix suffix_from(const Graph& whole, NodeId first);

}  // namespace refcalib::engine
