#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/formats/ir/ir.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// A graph as it will be read from the annotated file: with the annotation's ranges, weights and biases. `original`: as the file has
/// it. Weights that are computed from constants (by an earlier calibration's FakeQuantize) stay as they are.
Graph annotated_graph(const Graph& original, const ir::Annotation& annotation);

/// Gives a layer other weights, in the order of its constant, without quantization; or another bias in the place of the one that
/// stated_bias() finds, under the name `name`.
void replace_weights(Graph& graph, NodeId id, std::vector<float> weights);
void replace_bias(Graph& graph, NodeId id, const std::vector<float>& bias, const std::string& name);

/// The bias of a layer as the graph states it: its third input, the constant of the addition behind it, or zeros; empty if it is
/// computed or has another number of elements than `channels`.
std::vector<float> stated_bias(const Graph& graph, NodeId id, std::size_t channels);

/// True if an earlier calibration put the layer's bias there (kCorrectedBiasSuffix): a second correction would start from a corrected one.
bool corrected_before(const Graph& graph, NodeId id);

}  // namespace refcalib::engine
