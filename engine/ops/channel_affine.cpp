#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/table.h"
#include "engine/ops/channel_arrays.h"
#include "engine/ops/channel_u8.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/require_floats.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

/// On plain data, which tensors of more axes than channels-last has keep: every channel's plane has one pair of parameters.
std::unique_ptr<Step> plan_planes(const TensorRef& in, const TensorRef& out, const std::vector<float>& weight,
                                  const std::vector<float>& bias, bool affine) {
  const std::int64_t channels = in.channels(), planes = in.shape[0] * channels,
                     length = planes == 0 ? 0 : element_count(in.shape) / planes;
  return make_step("planes", [=, w = channel_array(weight, channels), b = channel_array(bias, channels),
                              x = in.where, y = out.where](const RunContext& c) noexcept {
    const auto* const from = reinterpret_cast<const float*>(c.read(x));
    auto* const to = reinterpret_cast<float*>(c.write(y));
    c.team.parallel_for(planes, row_grain(length), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t p = begin; p < end; ++p) {
        const auto channel = static_cast<std::size_t>(p % channels);
        for (std::int64_t i = p * length; i < (p + 1) * length; ++i) {
          const float product = from[i] * w[channel];
          to[i] = affine ? product + b[channel] : from[i] < 0 ? product : from[i];
        }
      }
    });
  });
}

/// A per-channel operation on channels-last data runs as rows of channels.
std::unique_ptr<Step> plan_rows(const TensorRef& in, const TensorRef& out, std::vector<float> weight,
                                std::vector<float> bias, bool affine, Isa isa) {
  const auto& table = kernels::select(kernels::eltwise_kernels(), isa);
  const auto run = affine ? table.affine : table.prelu;
  const bool rows_are_pixels = in.layout == Layout::channels_last || in.shape.size() <= 2;
  if (!rows_are_pixels) return plan_planes(in, out, weight, bias, affine);
  const std::int64_t channels = in.channels();
  kernels::ChannelArgs bound;
  bound.channels = channels;
  bound.in_stride = in.layout == Layout::channels_last ? in.pixel_stride : channels;
  bound.out_stride = out.layout == Layout::channels_last ? out.pixel_stride : channels;
  const std::int64_t rows = in.pixels();
  return make_step(table.name, [=, w = channel_array(weight, channels), b = channel_array(bias, channels),
                                x = in.where, y = out.where](const RunContext& c) noexcept {
    kernels::ChannelArgs args = bound;
    args.input = reinterpret_cast<const float*>(c.read(x));
    args.output = reinterpret_cast<float*>(c.write(y));
    args.weight = w.data();
    args.bias = b.data();
    run_units(c, rows, row_grain(channels * 4), args, run);
  });
}

/// What the network is given becomes integers once, behind an operation that only scales it.
bool behind_a_layer(const Graph& graph, const Node& node) {
  const NodeId producer = graph.value(node.inputs[0]).producer;
  return producer != kNone && op_record(graph.node(producer).op).rule != QuantizationRule::none;
}

std::unique_ptr<Step> plan_affine(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  if (out.dtype == DType::u8)
    return plan_channels_u8(in, out, context.floats(node.inputs[1]), context.floats(node.inputs[2]), true);
  return plan_rows(in, out, context.floats(node.inputs[1]), context.floats(node.inputs[2]), true,
                   context.isa());
}

std::unique_ptr<Step> plan_prelu(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  if (out.dtype == DType::u8) return plan_channels_u8(in, out, context.floats(node.inputs[1]), {0.0F}, false);
  return plan_rows(in, out, context.floats(node.inputs[1]), {0.0F}, false, context.isa());
}

template <std::size_t Inputs>
std::vector<OutputType> infer(const Attributes&, const OpInputs& in) {
  require_inputs(in, Inputs, Inputs);
  require_floats(in, 0);
  const std::int64_t channels = in.shape(0).size() > 1 ? in.shape(0)[1] : 1;
  for (std::size_t i = 1; i < Inputs; ++i) {
    const std::int64_t count = in.constant(i).count();
    require(count == 1 || count == channels,
            "has " + std::to_string(count) + " values for " + std::to_string(channels) + " channels");
  }
  return {{DType::f32, in.shape(0)}};
}

}  // namespace

extern const OpRecord channel_affine_op;
const OpRecord channel_affine_op{.name = "ChannelAffine",
                                 .infer = infer<3>,
                                 .plan = plan_affine,
                                 .rule = QuantizationRule::requantize,
                                 .integer_capable = behind_a_layer,
                                 .channels_last = true};

extern const OpRecord prelu_op;
const OpRecord prelu_op{.name = "PRelu",
                        .infer = infer<2>,
                        .plan = plan_prelu,
                        .rule = QuantizationRule::requantize,
                        .integer_capable = behind_a_layer,
                        .channels_last = true};

}  // namespace refcalib::engine
