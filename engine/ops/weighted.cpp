#include "engine/ops/weighted.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/core/error.h"
#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

using kernels::ConvKernel;
using kernels::ConvOperands;
using kernels::Epilogue;

constexpr std::size_t kChannelBlock = 64;

/// Per-channel array padded to what the kernels may read.
template <class T>
std::vector<T> padded(std::size_t channels) {
  return std::vector<T>((channels + kChannelBlock - 1) / kChannelBlock * kChannelBlock, T{});
}

/// Weights as s8 by the rule of the toolkit: round_half_even(w * (1 / scale)), clamped.
std::vector<std::int8_t> quantize_weights(const std::vector<float>& weights, const Quantization& q,
                                          std::size_t channels) {
  std::vector<std::int8_t> out(weights.size());
  const std::size_t per_channel = channels == 0 ? 0 : weights.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    const float inverse = 1.0F / q.scale[q.per_channel() ? c : 0];
    for (std::size_t k = 0; k < per_channel; ++k) {
      const float v = std::nearbyint(weights[c * per_channel + k] * inverse);
      out[c * per_channel + k] = static_cast<std::int8_t>(
          std::min(std::max(v, static_cast<float>(q.qmin)), static_cast<float>(q.qmax)));
    }
  }
  return out;
}

class WeightedStep final : public Step {
 public:
  WeightedStep(const WeightedPlan& plan, Isa isa);

  void run(const RunContext& context) const noexcept override {
    context.team.parallel_for(kernel_->work_items(geometry_), 1,
                              [&](std::int64_t begin, std::int64_t end, int member) {
                                ConvOperands operands;
                                operands.input = context.read(input_);
                                operands.packed = packed_.data();
                                operands.residual = has_residual_ ? context.read(residual_) : nullptr;
                                operands.output = context.write(output_);
                                operands.scratch = context.scratch_of(member);
                                operands.epilogue = epilogue_;
                                kernel_->run(geometry_, operands, begin, end);
                              });
  }
  std::string kernel() const override { return kernel_->name; }
  std::size_t scratch_bytes() const override { return kernel_->scratch_bytes(geometry_); }
  std::int64_t macs() const override { return macs_; }
  std::size_t constant_bytes() const override {
    return packed_.size() +
           (bias_.size() + slope_.size() + scale_.size() + inv_scale_.size() + acc_offset_.size()) * 4;
  }

 private:
  void bind_input_scales(const WeightedPlan& plan, const std::vector<std::int8_t>& weights);
  void bind_residual(const WeightedPlan& plan);
  void bind_output(const WeightedPlan& plan);

  kernels::ConvGeometry geometry_;
  const ConvKernel* kernel_ = nullptr;
  Operand input_, output_, residual_;
  bool has_residual_ = false;
  AlignedBytes packed_;
  std::vector<float> bias_, slope_, scale_, inv_scale_;
  std::vector<std::int32_t> acc_offset_;
  Epilogue epilogue_;
  std::int64_t macs_ = 0;
};

WeightedStep::WeightedStep(const WeightedPlan& plan, Isa isa)
    : geometry_(plan.geometry), input_(plan.input.where), output_(plan.output.where) {
  const bool int8 = plan.input.dtype == DType::u8;
  const auto channels = static_cast<std::size_t>(geometry_.out_channels);
  if (int8) geometry_.in_zero_point = static_cast<std::uint8_t>(plan.input.quantization->zero_point);
  bind_residual(plan);
  bind_output(plan);

  bias_ = padded<float>(channels);
  std::copy(plan.bias.begin(), plan.bias.end(), bias_.begin());
  epilogue_.bias = bias_.data();
  if (!plan.slope.empty()) {
    slope_ = padded<float>(channels);
    std::copy(plan.slope.begin(), plan.slope.end(), slope_.begin());
    epilogue_.slope = slope_.data();
  }
  epilogue_.low = plan.low;
  epilogue_.high = plan.high;

  const auto tables = int8 ? std::pair{kernels::dwconv_u8s8_kernels(), kernels::conv_u8s8_kernels()}
                           : std::pair{kernels::dwconv_f32_kernels(), kernels::conv_f32_kernels()};
  kernel_ = kernels::select(tables.first, geometry_, isa);
  if (kernel_ == nullptr) kernel_ = kernels::select(tables.second, geometry_, isa);
  if (kernel_ == nullptr) throw UnsupportedError("no kernel accepts this convolution");
  packed_ = AlignedBytes(kernel_->packed_bytes(geometry_));
  if (int8) {
    const std::vector<std::int8_t> weights =
        quantize_weights(plan.weights, *plan.weight_quantization, channels);
    bind_input_scales(plan, weights);
    kernel_->pack(geometry_, weights.data(), packed_.data());
  } else {
    kernel_->pack(geometry_, plan.weights.data(), packed_.data());
  }
  macs_ = geometry_.batch * geometry_.out_d * geometry_.out_h * geometry_.out_w *
          static_cast<std::int64_t>(plan.weights.size());
}

void WeightedStep::bind_input_scales(const WeightedPlan& plan, const std::vector<std::int8_t>& weights) {
  const auto channels = static_cast<std::size_t>(geometry_.out_channels);
  const Quantization& x = *plan.input.quantization;
  const Quantization& w = *plan.weight_quantization;
  if (x.per_channel() &&
      (geometry_.groups != geometry_.in_channels || geometry_.in_channels != geometry_.out_channels))
    throw UnsupportedError(
        "per-channel activation scales are supported in front of depthwise convolutions only");
  scale_ = padded<float>(channels);
  acc_offset_ = padded<std::int32_t>(channels);
  const std::size_t per_channel = channels == 0 ? 0 : weights.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    std::int32_t sum = 0;
    for (std::size_t k = 0; k < per_channel; ++k) sum += weights[c * per_channel + k];
    acc_offset_[c] = -x.zero_point * sum;
    scale_[c] = x.scale[x.per_channel() ? c : 0] * w.scale[w.per_channel() ? c : 0];
  }
  epilogue_.scale = scale_.data();
  epilogue_.acc_offset = acc_offset_.data();
}

void WeightedStep::bind_residual(const WeightedPlan& plan) {
  has_residual_ = plan.has_residual;
  if (!has_residual_) return;
  residual_ = plan.residual.where;
  geometry_.residual_pixel_stride = plan.residual.pixel_stride;
  epilogue_.residual_kind = Epilogue::Residual::f32;
  if (plan.residual.dtype == DType::u8) {
    epilogue_.residual_kind = Epilogue::Residual::u8;
    epilogue_.residual_scale = plan.residual.quantization->scale.front();
    epilogue_.residual_zero_point = plan.residual.quantization->zero_point;
  }
}

void WeightedStep::bind_output(const WeightedPlan& plan) {
  if (plan.output.dtype != DType::u8) return;
  const Quantization& q = *plan.output.quantization;
  const auto channels = static_cast<std::size_t>(geometry_.out_channels);
  inv_scale_ = padded<float>(channels);
  for (std::size_t c = 0; c < channels; ++c) inv_scale_[c] = 1.0F / q.scale[q.per_channel() ? c : 0];
  epilogue_.output_kind = Epilogue::Output::u8;
  epilogue_.inv_scale = inv_scale_.data();
  epilogue_.zero_point = q.zero_point;
}

}  // namespace

std::unique_ptr<Step> plan_weighted(const WeightedPlan& plan, Isa isa) {
  if (plan.input.dtype == DType::u8 && plan.weight_quantization == nullptr)
    throw Error("internal: u8 input without quantized weights");
  return std::make_unique<WeightedStep>(plan, isa);
}

std::vector<float> per_channel_values(std::vector<float> values, std::int64_t channels, const char* what) {
  const auto count = static_cast<std::size_t>(channels);
  if (values.size() == 1) values.assign(count, values.front());
  require(values.size() == count, std::string(what) + " has " + std::to_string(values.size()) +
                                      " values for " + std::to_string(channels) + " channels");
  return values;
}

void plan_tail(const Node& node, const FusedActivation& activation, std::size_t bias_input,
               PlanContext& context, WeightedPlan& plan) {
  const std::int64_t channels = plan.geometry.out_channels;
  for (std::size_t i = bias_input; i < node.inputs.size(); ++i) {
    const bool residual = plan.has_residual && i == bias_input + 1;
    if (!residual && !context.graph().value(node.inputs[i]).constant)
      throw UnsupportedError("a bias or slope that is computed at run time is not supported");
  }
  if (node.inputs.size() > bias_input)
    plan.bias = per_channel_values(context.floats(node.inputs[bias_input]), channels, "bias");
  if (activation.slope_input >= 0)
    plan.slope = per_channel_values(
        context.floats(node.inputs.at(static_cast<std::size_t>(activation.slope_input))), channels, "slope");
  plan.low = static_cast<float>(activation.low);
  plan.high = static_cast<float>(activation.high);
}

}  // namespace refcalib::engine
