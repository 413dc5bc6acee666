#include "engine/passes/passes.h"

#include <array>

namespace refcalib::engine {
namespace {

// The order matters: dead readers would keep others from being fused, quantization annotations are gathered before
// anything is fused across them, constants are folded into weights before activations and sums are fused behind them.
constexpr std::array simplification = {
    Pass{"float_ports", float_ports},
    Pass{"eliminate_dead", eliminate_dead},
    Pass{"absorb_fake_quantize", absorb_fake_quantize},
    Pass{"fuse_block_permute", fuse_block_permute},
    Pass{"fuse_bias", fuse_bias},
    Pass{"fold_scale_shift", fold_scale_shift},
    Pass{"global_pooling", global_pooling},
    Pass{"fuse_sum", fuse_sum},
    Pass{"fuse_activation", fuse_activation},
    Pass{"eliminate_dead", eliminate_dead},
};

constexpr std::array lowering_int8 = {
    Pass{"unify_quantization", unify_quantization},
    Pass{"place_int8", place_int8},
    Pass{"assign_layout", assign_layout},
    Pass{"eliminate_dead", eliminate_dead},
};

constexpr std::array lowering_float = {
    Pass{"drop_quantization", drop_quantization},
    Pass{"assign_layout", assign_layout},
    Pass{"eliminate_dead", eliminate_dead},
};

}  // namespace

std::span<const Pass> simplification_passes() noexcept {
  return simplification;
}

std::span<const Pass> lowering_passes(bool int8) noexcept {
  return int8 ? std::span<const Pass>(lowering_int8) : std::span<const Pass>(lowering_float);
}

void run_passes(Graph& graph, std::span<const Pass> passes) {
  for (const Pass& pass : passes) pass.run(graph);
  graph.verify();
}

void drop_quantization(Graph& graph) {
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    graph.value(id).quantization.reset();
    graph.value(id).fake_quantized = false;
  }
}

}  // namespace refcalib::engine
