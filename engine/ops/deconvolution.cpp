#include <algorithm>
#include <array>

#include "engine/ops/convolution.h"
#include "engine/ops/deconvolution_phases.h"
#include "engine/ops/infer.h"
#include "engine/ops/require_floats.h"
#include "engine/ops/weighted.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

/// More phases than any network has: each holds packed weights of its own.
constexpr std::int64_t kMostPhases = 16384;
/// Taps of the kernel that are looked at to find those of every phase: a guard against damaged files.
constexpr std::int64_t kMostTapSearches = std::int64_t{1} << 26;
constexpr std::int64_t kLargest = std::int64_t{1} << 30;

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 5);
  require_floats(in, 0);
  require_floats(in, 1);
  const auto& a = attributes.as<ConvolutionAttributes>();
  const Shape &x = in.shape(0), &w = in.shape(1);
  require(x.size() >= 3 && x.size() <= 5,
          "deconvolves a tensor of shape " + to_string(x) + ", expected rank 3 to 5");
  require(w.size() == x.size() + 1,
          "weights of shape " + to_string(w) + " do not fit an input of shape " + to_string(x));
  const std::size_t spatial = x.size() - 2;
  require(a.strides.size() == spatial && a.dilations.size() == spatial && a.pads_begin.size() == spatial &&
              a.pads_end.size() == spatial,
          "strides, dilations and pads must have " + std::to_string(spatial) + " values each");
  require(x[1] == w[0] * w[1],
          "input has " + std::to_string(x[1]) + " channels, weights want " + std::to_string(w[0] * w[1]));
  Shape out{x[0], w[0] * w[2]};
  for (std::size_t d = 0; d < spatial; ++d) {
    require(a.strides[d] > 0 && a.dilations[d] > 0, "strides and dilations must be positive");
    require(std::max({a.strides[d], a.dilations[d], x[2 + d], w[3 + d]}) <= kLargest,
            "strides, dilations or sizes are out of range");
    const std::int64_t extent = (w[3 + d] - 1) * a.dilations[d] + 1;
    const std::int64_t size = (x[2 + d] - 1) * a.strides[d] + extent - a.pads_begin[d] - a.pads_end[d];
    require(w[3 + d] > 0 && size > 0, "the pads leave nothing of the output for an input of " + to_string(x));
    out.push_back(size);
  }
  return {{DType::f32, out}};
}

using Axes = std::array<DeconvolutionAxis, 3>;

Axes axes_of(const ConvolutionAttributes& a, const Shape& weights, const kernels::ConvGeometry& g) {
  const Three k = three(weights, 3, 1), s = three(a.strides, 0, 1), d = three(a.dilations, 0, 1),
              p = three(a.pads_begin, 0, 0);
  return {{{g.in_d, g.out_d, k.d, s.d, d.d, p.d},
           {g.in_h, g.out_h, k.h, s.h, d.h, p.h},
           {g.in_w, g.out_w, k.w, s.w, d.w, p.w}}};
}

/// The part of three phases. Outputs that no input reaches are a convolution with one tap that always lies in the padding.
WeightedPart part_of(kernels::ConvGeometry g, const Axes& axes,
                     const std::array<DeconvolutionPhase, 3>& phases) {
  const auto& [z, y, x] = phases;
  WeightedPart part;
  const std::int64_t out_h = g.out_h, out_w = g.out_w;
  if (axes[0].stride * axes[1].stride * axes[2].stride > 1)
    g.grid = {g.out_d, g.out_h, g.out_w, axes[0].stride, axes[1].stride, axes[2].stride};
  part.first_pixel = (z.first * out_h + y.first) * out_w + x.first;
  g.out_d = z.count, g.out_h = y.count, g.out_w = x.count;
  part.empty = z.taps.empty() || y.taps.empty() || x.taps.empty();
  if (part.empty) {
    g.in_channels = g.groups = 1;
    g.pad_w = g.out_w;
  } else {
    const auto taps = [](const DeconvolutionPhase& p) { return static_cast<std::int64_t>(p.taps.size()); };
    g.kernel_d = taps(z), g.kernel_h = taps(y), g.kernel_w = taps(x);
    g.dilation_d = z.dilation, g.dilation_h = y.dilation, g.dilation_w = x.dilation;
    g.pad_d = z.pad, g.pad_h = y.pad, g.pad_w = x.pad;
    for (const std::int64_t kz : z.taps)
      for (const std::int64_t ky : y.taps)
        for (const std::int64_t kx : x.taps)
          part.taps.push_back((kz * axes[1].kernel + ky) * axes[2].kernel + kx);
  }
  part.geometry = g;
  return part;
}

std::vector<WeightedPart> parts_of(const kernels::ConvGeometry& g, const Axes& axes) {
  std::int64_t count = 1;
  for (const DeconvolutionAxis& axis : axes) {
    if (axis.phases() > kMostPhases / count)
      throw UnsupportedError("a deconvolution with more than " + std::to_string(kMostPhases) +
                             " phases (the product of its strides) is not supported");
    count *= axis.phases();
  }
  if (axes[0].kernel + axes[1].kernel + axes[2].kernel > kMostTapSearches / count)
    throw UnsupportedError("a deconvolution with a kernel of so many taps and strides is not supported");
  std::vector<WeightedPart> parts;
  for (std::int64_t z = 0; z < axes[0].phases(); ++z)
    for (std::int64_t y = 0; y < axes[1].phases(); ++y)
      for (std::int64_t x = 0; x < axes[2].phases(); ++x)
        parts.push_back(part_of(g, axes,
                                {deconvolution_phase(axes[0], z), deconvolution_phase(axes[1], y),
                                 deconvolution_phase(axes[2], x)}));
  return parts;
}

/// [groups][in][out][kernel] to [groups][out][in][kernel].
Constant outputs_first(const Constant& constant, const Shape& shape, std::int64_t area) {
  const std::vector<float> weights = constant.to_floats();
  std::vector<float> result;
  result.reserve(weights.size());
  for (std::int64_t g = 0; g < shape[0]; ++g)
    for (std::int64_t o = 0; o < shape[2]; ++o)
      for (std::int64_t i = 0; i < shape[1]; ++i) {
        const auto from = weights.begin() + ((g * shape[1] + i) * shape[2] + o) * area;
        result.insert(result.end(), from, from + area);
      }
  return Constant::f32({element_count(shape)}, std::move(result));
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<ConvolutionAttributes>();
  const Value& weights = context.graph().value(node.inputs[1]);
  WeightedPlan plan;
  plan.input = context.tensor(node.inputs[0]);
  plan.output = context.tensor(node.outputs[0]);
  const Shape& w = weights.shape;
  const kernels::ConvGeometry geometry = spatial_geometry(w[0], plan.input, plan.output);
  plan.parts = parts_of(geometry, axes_of(a, w, geometry));
  plan.kernel_area = element_count(Shape(w.begin() + 3, w.end()));
  plan.has_residual = a.residual;
  if (a.residual) plan.residual = context.tensor(node.inputs.at(3));
  plan_tail(node, a.activation, 2, context, plan);
  if (!weights.constant)
    return plan_computed_weights(plan, context.tensor(node.inputs[1]), WeightOrder::inputs_first,
                                 context.isa());
  plan.weights = outputs_first(weights.constant, w, plan.kernel_area);
  if (plan.input.dtype == DType::u8 && weights.quantization)
    plan.weight_quantization = &*weights.quantization;
  return plan_weighted(plan, context.isa());
}

WeightChannels channels(const Attributes&, const Shape& w) {
  return {w.at(0), w.at(1), w.at(2), element_count(Shape(w.begin() + 3, w.end()))};
}

constexpr WeightedTraits traits{.channels = channels,
                                .activation = activation_of<ConvolutionAttributes>,
                                .set_activation = set_activation_of<ConvolutionAttributes>,
                                .residual = residual_of<ConvolutionAttributes>,
                                .set_residual = set_residual_of<ConvolutionAttributes>};

}  // namespace

extern const OpRecord deconvolution_op;
const OpRecord deconvolution_op{.name = "Deconvolution",
                                .infer = infer,
                                .plan = plan,
                                .rule = QuantizationRule::weighted,
                                .weighted = &traits,
                                .channels_last = true};

}  // namespace refcalib::engine
