#include "engine/ops/convolution.h"

#include <array>

#include "engine/ops/infer.h"
#include "engine/ops/weighted.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 5);
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

/// The last three of `values` behind leading `fill`s: 1-D and 2-D geometry as 3-D.
std::array<std::int64_t, 3> three(const std::vector<std::int64_t>& values, std::size_t skip,
                                  std::int64_t fill) {
  std::array<std::int64_t, 3> out{fill, fill, fill};
  const std::size_t count = values.size() - skip;
  for (std::size_t i = 0; i < count; ++i) out[3 - count + i] = values[skip + i];
  return out;
}

kernels::ConvGeometry geometry_of(const ConvolutionAttributes& a, const Shape& weights, const TensorRef& in,
                                  const TensorRef& out) {
  kernels::ConvGeometry g;
  g.batch = in.shape[0];
  g.groups = weights[0];
  g.in_channels = in.shape[1];
  g.out_channels = out.shape[1];
  const auto i = three(in.shape, 2, 1), o = three(out.shape, 2, 1), k = three(weights, 3, 1);
  const auto s = three(a.strides, 0, 1), d = three(a.dilations, 0, 1), p = three(a.pads_begin, 0, 0);
  g.in_d = i[0], g.in_h = i[1], g.in_w = i[2];
  g.out_d = o[0], g.out_h = o[1], g.out_w = o[2];
  g.kernel_d = k[0], g.kernel_h = k[1], g.kernel_w = k[2];
  g.stride_d = s[0], g.stride_h = s[1], g.stride_w = s[2];
  g.dilation_d = d[0], g.dilation_h = d[1], g.dilation_w = d[2];
  g.pad_d = p[0], g.pad_h = p[1], g.pad_w = p[2];
  g.in_pixel_stride = in.pixel_stride;
  g.out_pixel_stride = out.pixel_stride;
  return g;
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<ConvolutionAttributes>();
  const Value& weights = context.graph().value(node.inputs[1]);
  if (!weights.constant) throw UnsupportedError("convolution with computed weights is not supported");
  WeightedPlan plan;
  plan.input = context.tensor(node.inputs[0]);
  plan.output = context.tensor(node.outputs[0]);
  plan.geometry = geometry_of(a, weights.shape, plan.input, plan.output);
  plan.weights = weights.constant.to_floats();
  if (plan.input.dtype == DType::u8 && weights.quantization)
    plan.weight_quantization = &*weights.quantization;
  plan.has_residual = a.residual;
  if (a.residual) plan.residual = context.tensor(node.inputs.at(3));
  plan_tail(node, a.activation, 2, context, plan);
  return plan_weighted(plan, context.isa());
}

}  // namespace

extern const OpRecord convolution_op;
const OpRecord convolution_op{.name = "Convolution",
                              .infer = infer,
                              .plan = plan,
                              .rule = QuantizationRule::weighted,
                              .channels_last = true};

}  // namespace refcalib::engine
