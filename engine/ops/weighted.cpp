#include "engine/ops/weighted.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "engine/core/error.h"
#include "engine/ops/infer.h"
#include "engine/ops/weight_elements.h"
#include "engine/ops/weighted_kernel.h"

namespace refcalib::engine {
namespace {

using kernels::ConvKernel;
using kernels::ConvOperands;
using kernels::Epilogue;

constexpr std::size_t kChannelBlock = 64;
/// Fewer multiplications than these are done before another thread would have woken up: half a microsecond.
constexpr std::int64_t kSerialMacs = 65536;

/// Per-channel array padded to what the kernels may read.
template <class T>
std::vector<T> padded(std::size_t channels) {
  return std::vector<T>((channels + kChannelBlock - 1) / kChannelBlock * kChannelBlock, T{});
}

/// A part with its kernel and packed weights.
struct BoundPart {
  kernels::ConvGeometry geometry;
  const ConvKernel* kernel = nullptr;
  std::size_t packed = 0;  ///< where its weights begin
  std::int64_t first_pixel = 0;
  std::int64_t first_unit = 0, units = 0;  ///< its share of the step's units of work
};

/// Weights that are a plain f32 tensor [groups][a][b][area]: where it lies, and which of its elements each part takes.
struct ComputedWeights {
  Operand where;
  std::int64_t groups, outs, ins, area;  ///< channels per group
  WeightOrder order;
  std::vector<WeightedPart> parts;
  std::size_t largest = 0;  ///< elements of one part

  ComputedWeights(const WeightedPlan& plan, const TensorRef& tensor, WeightOrder given)
      : where(tensor.where),
        groups(tensor.shape.at(0)),
        outs(tensor.shape.at(given == WeightOrder::outputs_first ? 1 : 2)),
        ins(tensor.shape.at(given == WeightOrder::outputs_first ? 2 : 1)),
        area(plan.kernel_area),
        order(given),
        parts(plan.parts) {
    for (const WeightedPart& part : parts) largest = std::max(largest, static_cast<std::size_t>(count(part)));
  }

  std::int64_t taps(const WeightedPart& part) const noexcept {
    return part.taps.empty() ? area : static_cast<std::int64_t>(part.taps.size());
  }
  std::int64_t count(const WeightedPart& part) const noexcept {
    return groups * outs * (part.empty ? 1 : ins * taps(part));
  }

  /// The part's weights as [groups][out][in][tap].
  void gather(const float* weights, std::size_t index, float* to) const noexcept {
    const WeightedPart& part = parts[index];
    if (part.empty) {
      std::fill_n(to, count(part), 0.0F);
      return;
    }
    const bool outputs_first = order == WeightOrder::outputs_first;
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t o = 0; o < outs; ++o)
        for (std::int64_t i = 0; i < ins; ++i) {
          const std::int64_t row = outputs_first ? (g * outs + o) * ins + i : (g * ins + i) * outs + o;
          for (std::int64_t t = 0; t < taps(part); ++t)
            *to++ = weights[row * area + (part.taps.empty() ? t : part.taps[static_cast<std::size_t>(t)])];
        }
  }
};

constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/// The bias as integers of the unit scale[c]; nullopt if it is not exactly that in every channel, if it is zero throughout, or if it and the
/// largest sum of products could leave int32 together.
std::optional<std::vector<std::int32_t>> whole_units(const WeightedPlan& plan,
                                                     const std::vector<float>& scale) {
  const auto channels = static_cast<std::size_t>(plan.out_channels());
  const double products =
      static_cast<double>(static_cast<std::size_t>(plan.weights.count()) / channels) * 255 * 128;
  const double room = static_cast<double>(std::numeric_limits<std::int32_t>::max()) - products;
  std::vector<std::int32_t> whole(channels, 0);
  for (std::size_t c = 0; c < plan.bias.size(); ++c) {
    const double count = std::nearbyint(static_cast<double>(plan.bias[c]) / static_cast<double>(scale[c]));
    if (!(std::abs(count) < room) || static_cast<float>(count) * scale[c] != plan.bias[c])
      return std::nullopt;
    whole[c] = static_cast<std::int32_t>(count);
  }
  const bool any = std::any_of(whole.begin(), whole.end(), [](std::int32_t count) { return count != 0; });
  return any ? std::optional(std::move(whole)) : std::nullopt;
}

class WeightedStep final : public Step {
 public:
  /// `computed`: the weights, if they are a tensor that is packed in each run.
  WeightedStep(const WeightedPlan& plan, std::optional<ComputedWeights> computed, Isa isa);

  void prepare() override;
  void run(const RunContext& context) const noexcept override {
    const std::byte* packed = packed_.data();
    if (computed_) {
      std::byte* const memory = context.scratch + kernel_scratch_;
      pack_computed(reinterpret_cast<const float*>(context.read(computed_->where)), memory);
      packed = memory;
    }
    context.team.parallel_for(
        units_, macs_ < kSerialMacs ? units_ : 1, [&](std::int64_t begin, std::int64_t end, int member) {
          for (std::size_t i = 0; i < parts_.size(); ++i) {
            const BoundPart& part = parts_[i];
            const std::int64_t from = std::max(begin - part.first_unit, std::int64_t{0}),
                               until = std::min(end - part.first_unit, part.units);
            if (from < until) run_part(context, i, packed + part.packed, member, from, until);
          }
        });
  }
  std::string kernel() const override {
    return parts_.front().kernel->name +
           (parts_.size() > 1 ? " x" + std::to_string(parts_.size()) : std::string()) + proof();
  }
  std::size_t scratch_bytes() const override {
    return kernel_scratch_ + (computed_ ? packed_bytes_ + aligned(computed_->largest * sizeof(float)) : 0);
  }
  std::int64_t macs() const override { return macs_; }
  PairProof pairs() const override;
  std::size_t constant_bytes() const override {
    return packed_.size() +
           (bias_.size() + slope_.size() + scale_.size() + inv_scale_.size() + acc_offset_.size()) * 4;
  }

 private:
  std::string proof() const;
  void bind_parts(const WeightedPlan& plan, bool int8, Isa isa);
  void bind_input_scales(const WeightedPlan& plan);
  void bind_residual(const WeightedPlan& plan);
  void bind_output(const WeightedPlan& plan);
  void pack_integers(const WeightedPlan& plan);
  void pack_floats(const WeightedPlan& plan);
  std::int32_t zero_point_sum(const WeightedPlan& plan, const kernels::ConvGeometry& geometry,
                              std::span<const std::int8_t> weights) const;
  void add_whole_bias(const WeightedPlan& plan);
  void scale_to_output(const WeightedPlan& plan);

  /// Packs all parts into `memory`, with the weights of one part at a time behind them.
  void pack_computed(const float* weights, std::byte* memory) const noexcept {
    auto* const gathered = reinterpret_cast<float*>(memory + packed_bytes_);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const BoundPart& part = parts_[i];
      computed_->gather(weights, i, gathered);
      part.kernel->pack(part.geometry, gathered, memory + part.packed);
      if (part.kernel->bind != nullptr) part.kernel->bind(part.geometry, epilogue_, memory + part.packed);
    }
  }

  void run_part(const RunContext& context, std::size_t index, const std::byte* packed, int member,
                std::int64_t begin, std::int64_t end) const noexcept {
    const BoundPart& part = parts_[index];
    ConvOperands operands;
    operands.input = context.read(input_);
    operands.packed = packed;
    if (has_residual_)
      operands.residual =
          context.read(residual_) + part.first_pixel * part.geometry.residual_pixel_stride * residual_bytes_;
    operands.output =
        context.write(output_) + part.first_pixel * part.geometry.out_pixel_stride * output_bytes_;
    operands.scratch = context.scratch_of(member);
    operands.epilogue = epilogue_of(index);
    part.kernel->run(part.geometry, operands, begin, end);
  }

  /// Parts differ by what takes their zero points out.
  Epilogue epilogue_of(std::size_t part) const noexcept {
    Epilogue epilogue = epilogue_;
    if (!acc_offset_.empty()) epilogue.acc_offset = acc_offset_.data() + part * padded_channels_;
    return epilogue;
  }

  std::unique_ptr<const WeightedPlan> plan_;  ///< until the weights are packed
  std::vector<BoundPart> parts_;
  Operand input_, output_, residual_;
  std::optional<ComputedWeights> computed_;
  bool has_residual_ = false;
  std::int64_t output_bytes_ = 4, residual_bytes_ = 4;
  std::int64_t units_ = 0;
  std::size_t kernel_scratch_ = 0, packed_bytes_ = 0;
  std::size_t padded_channels_ = 0;
  AlignedBytes packed_;
  std::vector<float> bias_, slope_, scale_, inv_scale_;
  std::vector<std::uint8_t> in_zero_points_;  ///< empty, or one per input channel
  std::vector<std::int32_t> acc_offset_;      ///< per part
  Epilogue epilogue_;
  std::int64_t macs_ = 0;
};

WeightedStep::WeightedStep(const WeightedPlan& plan, std::optional<ComputedWeights> computed, Isa isa)
    : input_(plan.input.where), output_(plan.output.where), computed_(std::move(computed)) {
  const bool int8 = plan.input.dtype == DType::u8;
  const auto channels = static_cast<std::size_t>(plan.out_channels());
  bias_ = padded<float>(channels);
  padded_channels_ = bias_.size();
  std::copy(plan.bias.begin(), plan.bias.end(), bias_.begin());
  epilogue_.bias = bias_.data();
  if (!plan.slope.empty()) {
    slope_ = padded<float>(channels);
    std::copy(plan.slope.begin(), plan.slope.end(), slope_.begin());
    epilogue_.slope = slope_.data();
  }
  epilogue_.low = plan.low;
  epilogue_.high = plan.high;
  if (int8)
    for (const std::int32_t z : plan.input.quantization->zero_points)
      in_zero_points_.push_back(static_cast<std::uint8_t>(z));
  bind_parts(plan, int8, isa);
  bind_residual(plan);
  bind_output(plan);
  if (int8) bind_input_scales(plan);
  if (!computed_) plan_ = std::make_unique<const WeightedPlan>(plan);
}

/// Packs the weights; kernels then look at them together with the epilogue.
void WeightedStep::prepare() {
  if (!plan_) return;
  if (plan_->input.dtype == DType::u8) {
    pack_integers(*plan_);
    add_whole_bias(*plan_);
    scale_to_output(*plan_);
    epilogue_.saturates = kernels::saturates(epilogue_, static_cast<std::size_t>(plan_->out_channels()));
  } else {
    pack_floats(*plan_);
  }
  for (std::size_t i = 0; i < parts_.size(); ++i)
    if (parts_[i].kernel->bind != nullptr)
      parts_[i].kernel->bind(parts_[i].geometry, epilogue_of(i), packed_.data() + parts_[i].packed);
  plan_.reset();
}

PairProof WeightedStep::pairs() const {
  PairProof all;
  for (const BoundPart& part : parts_) {
    if (part.kernel->proof == nullptr) continue;
    const PairProof one = part.kernel->proof(part.geometry, packed_.data() + part.packed);
    all.in_place += one.in_place;
    all.reordered += one.reordered;
    all.alone += one.alone;
  }
  return all;
}

/// Of kernels that depend on a proof against saturation, how it holds: shares in place, in another order, alone.
std::string WeightedStep::proof() const {
  const PairProof all = pairs();
  const std::int64_t sum = all.all();
  if (sum == 0) return {};
  // Any position that stands alone shows.
  const std::int64_t reordered = (100 * all.reordered + sum / 2) / sum,
                     alone = (100 * all.alone + sum - 1) / sum;
  return " pairs " + std::to_string(std::max<std::int64_t>(100 - reordered - alone, 0)) + "/" +
         std::to_string(reordered) + "/" + std::to_string(alone) + " %";
}

void WeightedStep::bind_parts(const WeightedPlan& plan, bool int8, Isa isa) {
  for (const WeightedPart& part : plan.parts) {
    BoundPart bound;
    bound.geometry = part.geometry;
    if (int8) {
      bound.geometry.in_zero_point = static_cast<std::uint8_t>(plan.input.quantization->zero_point);
      bound.geometry.in_zero_points = in_zero_points_.empty() ? nullptr : in_zero_points_.data();
    }
    bound.geometry.residual_pixel_stride = plan.has_residual ? plan.residual.pixel_stride : 1;
    bound.kernel = int8 ? integer_kernel(plan, part, bound.geometry, isa)
                        : float_kernel(bound.geometry, plan.exact, isa);
    bound.packed = packed_bytes_;
    bound.first_pixel = part.first_pixel;
    bound.first_unit = units_;
    bound.units = bound.kernel->work_items(bound.geometry);
    units_ += bound.units;
    packed_bytes_ += aligned(bound.kernel->packed_bytes(bound.geometry));
    kernel_scratch_ = std::max(kernel_scratch_, aligned(bound.kernel->scratch_bytes(bound.geometry)));
    const kernels::ConvGeometry& g = bound.geometry;
    const std::int64_t taps = part.empty ? 0 : g.kernel_d * g.kernel_h * g.kernel_w;
    macs_ += g.batch * g.out_d * g.out_h * g.out_w * g.out_channels * (g.in_channels / g.groups) * taps;
    parts_.push_back(bound);
  }
  if (!computed_) packed_ = AlignedBytes(packed_bytes_);
  if (int8) acc_offset_.assign(parts_.size() * padded_channels_, 0);
}

void WeightedStep::pack_floats(const WeightedPlan& plan) {
  const Elements<float> all = float_weights(plan.weights);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Elements<float> weights = part_weights(all.view, plan.kernel_area, plan.parts[i]);
    parts_[i].kernel->pack(parts_[i].geometry, weights.view.data(), packed_.data() + parts_[i].packed);
  }
}

/// Sum over one channel's weights, each times the zero point of its input channel.
std::int32_t WeightedStep::zero_point_sum(const WeightedPlan& plan, const kernels::ConvGeometry& geometry,
                                          std::span<const std::int8_t> weights) const {
  const Quantization& input = *plan.input.quantization;
  std::int32_t sum = 0;
  if (input.zero_points.empty()) {
    for (const std::int8_t w : weights) sum += w;
    return sum * input.zero_point;
  }
  const std::size_t area = weights.size() / static_cast<std::size_t>(geometry.in_channels / geometry.groups);
  for (std::size_t k = 0; k < weights.size(); ++k) sum += weights[k] * input.zero_point_of(k / area);
  return sum;
}

void WeightedStep::pack_integers(const WeightedPlan& plan) {
  const auto channels = static_cast<std::size_t>(plan.out_channels());
  const Elements<std::int8_t> all = integer_weights(plan.weights, *plan.weight_quantization, channels);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const kernels::ConvGeometry& geometry = parts_[i].geometry;
    const Elements<std::int8_t> weights = part_weights(all.view, plan.kernel_area, plan.parts[i]);
    const std::size_t per_channel = weights.view.size() / channels;
    for (std::size_t c = 0; c < channels; ++c)
      acc_offset_[i * padded_channels_ + c] =
          -zero_point_sum(plan, geometry, weights.view.subspan(c * per_channel, per_channel));
    parts_[i].kernel->pack(geometry, weights.view.data(), packed_.data() + parts_[i].packed);
  }
}

/// A bias that is stated in whole units of the products, as quantized ONNX models state it, joins their exact sum; one multiplication then
/// leads from there to the output's integers (scale_to_output()), the bits that other runtimes give for such files. What is added
/// behind the scale, and channels with scales of their own, keep the general way.
void WeightedStep::add_whole_bias(const WeightedPlan& plan) {
  if (plan.output.dtype != DType::u8 || plan.output.quantization->per_channel() || has_residual_) return;
  const std::optional<std::vector<std::int32_t>> whole = whole_units(plan, scale_);
  if (!whole) return;
  for (std::size_t c = 0; c < whole->size(); ++c)
    for (std::size_t i = 0; i < parts_.size(); ++i) acc_offset_[i * padded_channels_ + c] += (*whole)[c];
  std::fill(bias_.begin(), bias_.end(), 0.0F);
}

/// Scales, biases and bounds in units of the output, so that no value is multiplied a second time. A residual of floats, and
/// channels with scales of their own, are scaled behind the sum.
void WeightedStep::scale_to_output(const WeightedPlan& plan) {
  if (plan.output.dtype != DType::u8 || plan.output.quantization->per_channel()) return;
  if (epilogue_.residual_kind == Epilogue::Residual::f32) return;
  const float out = plan.output.quantization->scale.front();
  for (float& s : scale_) s /= out;
  for (float& b : bias_) b /= out;
  epilogue_.residual_scale /= out;
  epilogue_.low /= out;
  epilogue_.high /= out;
  epilogue_.inv_scale = nullptr;
}

void WeightedStep::bind_input_scales(const WeightedPlan& plan) {
  const kernels::ConvGeometry& g = parts_.front().geometry;
  const auto channels = static_cast<std::size_t>(g.out_channels);
  const Quantization& x = *plan.input.quantization;
  const Quantization& w = *plan.weight_quantization;
  // Weights over several channels with scales of their own hold each scale's share of the largest one.
  const bool depthwise = g.groups == g.in_channels && g.in_channels == g.out_channels;
  const float largest = *std::max_element(x.scale.begin(), x.scale.end());
  scale_ = padded<float>(channels);
  for (std::size_t c = 0; c < channels; ++c)
    scale_[c] = (x.per_channel() && depthwise ? x.scale[c] : largest) * w.scale[w.per_channel() ? c : 0];
  epilogue_.scale = scale_.data();
}

void WeightedStep::bind_residual(const WeightedPlan& plan) {
  has_residual_ = plan.has_residual;
  if (!has_residual_) return;
  residual_ = plan.residual.where;
  epilogue_.residual_kind = Epilogue::Residual::f32;
  residual_bytes_ = plan.residual.dtype == DType::u8 ? 1 : 4;
  if (plan.residual.dtype == DType::u8) {
    epilogue_.residual_kind = Epilogue::Residual::u8;
    epilogue_.residual_scale = plan.residual.quantization->scale.front();
    const double zero =
        static_cast<double>(plan.residual.quantization->zero_point) * epilogue_.residual_scale;
    for (float& b : bias_) b = static_cast<float>(b - zero);
  }
}

void WeightedStep::bind_output(const WeightedPlan& plan) {
  if (plan.output.dtype != DType::u8) return;
  output_bytes_ = 1;
  const Quantization& q = *plan.output.quantization;
  const auto channels = static_cast<std::size_t>(plan.out_channels());
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
  return std::make_unique<WeightedStep>(plan, std::nullopt, isa);
}

std::unique_ptr<Step> plan_computed_weights(const WeightedPlan& plan, const TensorRef& weights,
                                            WeightOrder order, Isa isa) {
  if (plan.input.dtype != DType::f32 || weights.dtype != DType::f32 || weights.layout != Layout::plain)
    throw UnsupportedError(
        "weights that are computed at run time must be 32-bit floats in a convolution of floats");
  return std::make_unique<WeightedStep>(plan, ComputedWeights(plan, weights, order), isa);
}

Three three(const std::vector<std::int64_t>& values, std::size_t skip, std::int64_t fill) {
  std::array<std::int64_t, 3> out{fill, fill, fill};
  const std::size_t count = values.size() - skip;
  for (std::size_t i = 0; i < count; ++i) out[3 - count + i] = values[skip + i];
  return {out[0], out[1], out[2]};
}

kernels::ConvGeometry spatial_geometry(std::int64_t groups, const TensorRef& in, const TensorRef& out) {
  kernels::ConvGeometry g;
  g.batch = in.shape[0];
  g.groups = groups;
  g.in_channels = in.shape[1];
  g.out_channels = out.shape[1];
  const Three i = three(in.shape, 2, 1), o = three(out.shape, 2, 1);
  g.in_d = i.d, g.in_h = i.h, g.in_w = i.w;
  g.out_d = o.d, g.out_h = o.h, g.out_w = o.w;
  g.in_pixel_stride = in.pixel_stride;
  g.out_pixel_stride = out.pixel_stride;
  return g;
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
  const std::int64_t channels = plan.out_channels();
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
