#pragma once

#include <string>
#include <vector>

#include "engine/kernels/conv/conv.h"
#include "engine/ops/convolution.h"
#include "engine/ops/op.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// What a convolution and a matrix product have in common when they are planned.
struct WeightedPlan {
  kernels::ConvGeometry geometry;
  TensorRef input, output;
  std::vector<float> weights;                         ///< [groups][out/groups][in/groups][kernel…]
  const Quantization* weight_quantization = nullptr;  ///< set if the input is u8
  std::vector<float> bias;                            ///< one per output channel, or empty
  std::vector<float> slope;                           ///< empty, or one per output channel
  float low = 0, high = 0;
  bool has_residual = false;
  TensorRef residual;
};

/// Packs the weights for the context's instruction set and binds the step.
std::unique_ptr<Step> plan_weighted(const WeightedPlan& plan, Isa isa);

/// Reads bias, slope and clamp bounds of a node into the plan.
void plan_tail(const Node& node, const FusedActivation& activation, std::size_t bias_input,
               PlanContext& context, WeightedPlan& plan);

/// One value per channel from a constant of 1 or `channels` elements.
std::vector<float> per_channel_values(std::vector<float> values, std::int64_t channels, const char* what);

}  // namespace refcalib::engine
