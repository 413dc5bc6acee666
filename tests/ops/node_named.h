#pragma once

#include <string>

#include "engine/core/error.h"
#include "engine/graph/graph.h"

namespace refcalib_test {

/// The live node of that name.
inline const refcalib::engine::Node& node_named(const refcalib::engine::Graph& graph,
                                                const std::string& name) {
  for (const auto id : graph.order())
    if (graph.node(id).name == name) return graph.node(id);
  throw refcalib::engine::Error("no node '" + name + "'");
}

}  // namespace refcalib_test
