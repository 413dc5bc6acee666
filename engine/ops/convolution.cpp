#include "engine/ops/convolution.h"

#include "engine/ops/infer.h"
#include "engine/ops/require_floats.h"
#include "engine/ops/weighted.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 5);
  require_floats(in, 0);
  require_floats(in, 1);
  const auto& a = attributes.as<ConvolutionAttributes>();
  const Shape &x = in.shape(0), &w = in.shape(1);
  require(x.size() >= 3 && x.size() <= 5,
          "convolves a tensor of shape " + to_string(x) + ", expected rank 3 to 5");
  require(w.size() == x.size() + 1,
          "weights of shape " + to_string(w) + " do not fit an input of shape " + to_string(x));
  const std::size_t spatial = x.size() - 2;
  require(a.strides.size() == spatial && a.dilations.size() == spatial && a.pads_begin.size() == spatial &&
              a.pads_end.size() == spatial,
          "strides, dilations and pads must have " + std::to_string(spatial) + " values each");
  require(x[1] == w[0] * w[2],
          "input has " + std::to_string(x[1]) + " channels, weights want " + std::to_string(w[0] * w[2]));
  Shape out{x[0], w[0] * w[1]};
  for (std::size_t d = 0; d < spatial; ++d) {
    require(a.strides[d] > 0 && a.dilations[d] > 0, "strides and dilations must be positive");
    const std::int64_t extent = (w[3 + d] - 1) * a.dilations[d] + 1;
    const std::int64_t padded = x[2 + d] + a.pads_begin[d] + a.pads_end[d];
    require(w[3 + d] > 0 && padded >= extent, "kernel is larger than the padded input " + to_string(x));
    out.push_back((padded - extent) / a.strides[d] + 1);
  }
  return {{DType::f32, out}};
}

/// Kernel, strides, dilations and begin pads of a geometry that has the tensors' sizes.
void place_window(const ConvolutionAttributes& a, const Shape& weights, kernels::ConvGeometry& g) {
  const Three k = three(weights, 3, 1), s = three(a.strides, 0, 1), d = three(a.dilations, 0, 1),
              p = three(a.pads_begin, 0, 0);
  g.kernel_d = k.d, g.kernel_h = k.h, g.kernel_w = k.w;
  g.stride_d = s.d, g.stride_h = s.h, g.stride_w = s.w;
  g.dilation_d = d.d, g.dilation_h = d.h, g.dilation_w = d.w;
  g.pad_d = p.d, g.pad_h = p.h, g.pad_w = p.w;
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<ConvolutionAttributes>();
  const Value& weights = context.graph().value(node.inputs[1]);
  WeightedPlan plan;
  plan.input = context.tensor(node.inputs[0]);
  plan.output = context.tensor(node.outputs[0]);
  kernels::ConvGeometry geometry = spatial_geometry(weights.shape[0], plan.input, plan.output);
  place_window(a, weights.shape, geometry);
  plan.parts.push_back({.geometry = geometry, .first_pixel = 0, .taps = {}});
  plan.kernel_area = geometry.kernel_d * geometry.kernel_h * geometry.kernel_w;
  plan.has_residual = a.residual;
  if (a.residual) plan.residual = context.tensor(node.inputs.at(3));
  plan_tail(node, a.activation, 2, context, plan);
  if (!weights.constant)
    return plan_computed_weights(plan, context.tensor(node.inputs[1]), WeightOrder::outputs_first,
                                 context.isa());
  plan.weights = weights.constant;
  if (plan.input.dtype == DType::u8 && weights.quantization)
    plan.weight_quantization = &*weights.quantization;
  plan.exact = context.exact();
  return plan_weighted(plan, context.isa());
}

WeightChannels channels(const Attributes&, const Shape& w) {
  return {1, 1, w.at(0) * w.at(1), element_count(Shape(w.begin() + 2, w.end()))};
}

constexpr WeightedTraits traits{.channels = channels,
                                .in_legacy_int8 = true,
                                .activation = activation_of<ConvolutionAttributes>,
                                .set_activation = set_activation_of<ConvolutionAttributes>,
                                .residual = residual_of<ConvolutionAttributes>,
                                .set_residual = set_residual_of<ConvolutionAttributes>};

}  // namespace

extern const OpRecord convolution_op;
const OpRecord convolution_op{.name = "Convolution",
                              .infer = infer,
                              .plan = plan,
                              .rule = QuantizationRule::weighted,
                              .weighted = &traits,
                              .channels_last = true};

}  // namespace refcalib::engine
