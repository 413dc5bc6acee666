#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// The producer of `value` if it is of operation `op` and nothing but one node reads the value; else nullopt.
std::optional<NodeId> sole_producer(const Graph& graph, ValueId value, std::string_view op);

/// True if a weighted node runs on packed constant weights, so that its kernel can add a bias and apply an activation.
bool takes_epilogue(const Graph& graph, const Node& weighted);

/// The same for a producer with weighted traits that takes an epilogue (a convolution, transposed or not, or a matrix product).
std::optional<NodeId> sole_weighted_producer(const Graph& graph, ValueId value);

/// Gives a weighted node without a bias (input 2) one of zeros, so that inputs can be added behind it.
void ensure_bias(Graph& graph, NodeId weighted);

/// True if a weighted node runs on packed constant weights, so that its kernel can add a bias and apply an
/// activation.
bool takes_epilogue(const Graph& graph, const Node& weighted);

/// True if a weighted node computes a plain linear function with constant weights and bias: nothing has been fused behind its
/// bias yet.
bool is_linear(const Graph& graph, const Node& weighted);

/// A constant as one float per channel (dimension 1) of a tensor of rank `rank`: shapes [], [1], [C], [1,C,1…]
/// (right-aligned as in a numpy broadcast; a 1-D constant of C > 1 elements fits only if it aligns with the channels).
/// `channels` is the size of dimension 1. nullopt if the constant varies over anything else.
std::optional<std::vector<float>> channel_constant(const Graph& graph, ValueId constant,
                                                   const Shape& data_shape);

}  // namespace refcalib::engine
