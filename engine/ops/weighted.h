#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/kernels/conv/conv.h"
#include "engine/ops/convolution.h"
#include "engine/ops/op.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// One of the convolutions that together compute an output: a convolution or a matrix product is a single one, a transposed convolution
/// has one per phase.
struct WeightedPart {
  kernels::ConvGeometry
      geometry;                  ///< kernel: the taps of the part; groups and channels are those of the whole
  std::int64_t first_pixel = 0;  ///< pixel of the output where the part begins
  /// Which kernel positions of the whole the taps are, in the order of the part's kernel; none listed: all, in order.
  std::vector<std::int64_t> taps;
  bool empty = false;  ///< no weights at all: one tap of one channel that always lies in the padding
};

/// What a convolution, a transposed one and a matrix product have in common when they are planned.
struct WeightedPlan {
  std::vector<WeightedPart> parts;
  TensorRef input, output;
  std::int64_t kernel_area = 1;                       ///< kernel positions of the whole
  Constant weights;                                   ///< [groups][out/groups][in/groups][kernel…]
  const Quantization* weight_quantization = nullptr;  ///< set if the input is u8
  std::vector<float> bias;                            ///< one per output channel, or empty
  std::vector<float> slope;                           ///< empty, or one per output channel
  float low = 0, high = 0;
  bool exact = true;  ///< f32: sums are not reassociated
  bool has_residual = false;
  TensorRef residual;

  std::int64_t out_channels() const { return parts.front().geometry.out_channels; }
};

/// The last three of `values` behind leading `fill`s: 1-D and 2-D geometry as 3-D. The first `skip` values are left out.
struct Three {
  std::int64_t d = 1, h = 1, w = 1;
};
Three three(const std::vector<std::int64_t>& values, std::size_t skip, std::int64_t fill);

/// A geometry with the tensors' sizes, channels and strides; kernel, strides, dilations and pads are still those of a 1x1 convolution.
kernels::ConvGeometry spatial_geometry(std::int64_t groups, const TensorRef& in, const TensorRef& out);

/// Binds the step; prepare() packs its weights for the instruction set.
std::unique_ptr<Step> plan_weighted(const WeightedPlan& plan, Isa isa);

/// A convolution of f32 whose weights are the plain f32 tensor `weights` [groups][out/groups][in/groups][kernel…], or with inputs and
/// outputs exchanged: they are packed in each run.
enum class WeightOrder : std::uint8_t { outputs_first, inputs_first };
std::unique_ptr<Step> plan_computed_weights(const WeightedPlan& plan, const TensorRef& weights,
                                            WeightOrder order, Isa isa);

/// Reads bias, slope, clamp bounds and residual of a node into the plan.
void plan_tail(const Node& node, const FusedActivation& activation, std::size_t bias_input,
               PlanContext& context, WeightedPlan& plan);

/// One value per channel from a constant of 1 or `channels` elements.
std::vector<float> per_channel_values(std::vector<float> values, std::int64_t channels, const char* what);

}  // namespace refcalib::engine
