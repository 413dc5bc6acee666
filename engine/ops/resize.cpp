#include "engine/ops/resize.h"

#include <utility>

#include "engine/kernels/resize/resize.h"
#include "engine/kernels/table.h"
#include "engine/ops/channel_arrays.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/resize_taps.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<ResizeAttributes>();
  const Shape& x = in.shape(0);
  require(x.size() >= 3 && x.size() <= 5,
          "interpolates a tensor of shape " + to_string(x) + ", expected rank 3 to 5");
  require(a.mode != "nearest", "interpolates by the nearest element");
  std::vector<OutputType> types = infer_resize(attributes, in);
  require(a.shape[0] == x[0] && a.shape[1] == x[1], "interpolates over batch or channels");
  require(is_float(in.dtype(0)), "interpolates integers");
  return types;
}

/// Taps of depth, height and width.
std::vector<ResizeTaps> spatial_taps(const ResizeAttributes& a, const Shape& in) {
  std::vector<ResizeTaps> taps;
  for (std::size_t d = in.size() - 2; d < 3; ++d) taps.emplace_back(1);
  for (std::size_t d = 2; d < in.size(); ++d) taps.emplace_back(a, d, in[d]);
  return taps;
}

/// The planes of a constant are as many images of one channel.
std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0)) return std::nullopt;
  const auto& a = attributes.as<ResizeAttributes>();
  const std::vector<ResizeTaps> taps = spatial_taps(a, in.shape(0));
  const std::vector<float> input = in.constant(0).to_floats();
  std::vector<float> output(static_cast<std::size_t>(element_count(a.shape)));
  kernels::ResizeArgs args{.input = input.data(), .output = output.data(), .batch = a.shape[0] * a.shape[1]};
  args.z = taps[0].axis();
  args.y = taps[1].axis();
  args.x = taps[2].axis();
  std::vector<float> scratch(static_cast<std::size_t>(kernels::scratch_floats(args)));
  kernels::select(kernels::resize_kernels(), Isa::scalar)
      .f32(args, scratch.data(), 0, kernels::work_items(args));
  return std::vector{Constant::f32(a.shape, std::move(output))};
}

/// Taps and channel parameters of one node, owned by its step.
class ResizeStep final : public Step {
 public:
  ResizeStep(const ResizeAttributes& a, const TensorRef& in, const TensorRef& out, Isa isa)
      : kernels_(kernels::select(kernels::resize_kernels(), isa)),
        taps_(spatial_taps(a, in.shape)),
        from_(in.where),
        to_(out.where) {
    args_.batch = in.shape[0];
    args_.channels = in.channels();
    args_.in_pixel_stride = in.pixel_stride;
    args_.out_pixel_stride = out.pixel_stride;
    args_.z = taps_[0].axis();
    args_.y = taps_[1].axis();
    args_.x = taps_[2].axis();
    run_ = in.dtype == DType::u8 ? kernels_.u8 : kernels_.f32;
    if (in.dtype != DType::u8) return;
    in_scale_ = channel_scales(*in.quantization, args_.channels);
    inv_scale_ = channel_inverse_scales(*out.quantization, args_.channels);
    args_.in_scale = in_scale_.data();
    args_.inv_scale = inv_scale_.data();
    args_.in_zero_point = in.quantization->zero_point;
    args_.zero_point = out.quantization->zero_point;
  }

  void run(const RunContext& context) const noexcept override {
    kernels::ResizeArgs args = args_;
    args.input = context.read(from_);
    args.output = context.write(to_);
    context.team.parallel_for(kernels::work_items(args), 2,
                              [&](std::int64_t begin, std::int64_t end, int member) {
                                run_(args, reinterpret_cast<float*>(context.scratch_of(member)), begin, end);
                              });
  }
  std::string kernel() const override { return kernels_.name; }
  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(kernels::scratch_floats(args_)) * sizeof(float);
  }

 private:
  const kernels::ResizeKernels& kernels_;
  std::vector<ResizeTaps> taps_;
  std::vector<float> in_scale_, inv_scale_;
  kernels::ResizeArgs args_;
  kernels::ResizeKernels::Run run_ = nullptr;
  Operand from_, to_;
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return std::make_unique<ResizeStep>(node.attributes.as<ResizeAttributes>(), context.tensor(node.inputs[0]),
                                      context.tensor(node.outputs[0]), context.isa());
}

}  // namespace

extern const OpRecord resize_op;
const OpRecord resize_op{.name = "Resize",
                         .infer = infer,
                         .fold = fold,
                         .plan = plan,
                         .rule = QuantizationRule::requantize,
                         .channels_last = true};

}  // namespace refcalib::engine
