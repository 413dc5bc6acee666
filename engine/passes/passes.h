#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// A pass: changes a graph without changing what it computes (up to rounding), or decides where values live.
struct Pass {
  std::string_view name;
  void (*run)(Graph&);
};

// Each pass stands in a file of its name.
void float_ports(Graph& graph);
void absorb_fake_quantize(Graph& graph);
void fold_scale_shift(Graph& graph);
void fuse_bias(Graph& graph);
void fuse_block_permute(Graph& graph);
void global_pooling(Graph& graph);
void fuse_sum(Graph& graph);
void fuse_activation(Graph& graph);
void eliminate_dead(Graph& graph);
void unify_quantization(Graph& graph);
void drop_quantization(Graph& graph);
void place_int8(Graph& graph);
void assign_layout(Graph& graph);

/// Simplification of a graph as read; both FP32 and INT8 start from its result, and calibration observes its values.
std::span<const Pass> simplification_passes() noexcept;
/// Lowering of a simplified graph to what the planner takes: precision, conversions, memory order.
std::span<const Pass> lowering_passes(bool int8) noexcept;

/// Runs passes in order. Errors name the layer.
void run_passes(Graph& graph, std::span<const Pass> passes);

/// Why a quantizable node runs in float, by node name; written for reports by place_int8's rules.
std::string float_reason(const Graph& graph, NodeId id);

}  // namespace refcalib::engine
