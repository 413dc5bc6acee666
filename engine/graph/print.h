#pragma once

#include <string>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// The graph as text, one line per input, node, constant and output, in topological order: operation, inputs,
/// attributes, precision hint, and for every value its element type, shape, memory order and quantization.
/// Constants show a 64-bit FNV-1a hash of their bytes, so that two graphs with equal text are equal in
/// structure and data. Deterministic.
std::string to_text(const Graph& graph);

/// The graph in the DOT language of Graphviz: nodes with operation and attributes, edges with element type
/// and shape.
std::string to_dot(const Graph& graph);

}  // namespace refcalib::engine
