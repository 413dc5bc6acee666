#include "engine/ops/reorder.h"

#include <algorithm>

#include "engine/kernels/layout/layout.h"
#include "engine/kernels/table.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/strides.h"
#include "engine/ops/view_step.h"

namespace refcalib::engine {

kernels::LayoutArgs layout_args(const TensorRef& planar, const TensorRef& pixels) {
  kernels::LayoutArgs args;
  args.batch = planar.shape[0];
  args.channels = args.padded_channels = planar.channels();
  args.pixels = args.batch == 0 ? 0 : planar.pixels() / args.batch;
  args.planar_batch_stride = args.channels * args.pixels;
  args.plane_stride = args.pixels;
  args.interleaved_batch_stride = args.pixels * pixels.pixel_stride;
  args.pixel_stride = pixels.pixel_stride;
  return args;
}

std::unique_ptr<Step> make_layout_step(const char* name, kernels::LayoutKernels::Run run,
                                       const kernels::LayoutArgs& bound, Operand from, Operand to) {
  return make_step(name, [=](const RunContext& context) noexcept {
    kernels::LayoutArgs args = bound;
    args.input = context.read(from);
    args.output = context.write(to);
    run_units(context, kernels::work_items(args), 4, args, run);
  });
}

namespace {

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const bool byte = size_of(in.dtype) == 1;
  if (size_of(in.dtype) != 4 && !byte) return plan_copy(in, out);
  const auto& kernels = kernels::select(kernels::layout_kernels(), context.isa());
  const bool to_pixels = out.layout == Layout::channels_last;
  const auto args = to_pixels ? layout_args(in, out) : layout_args(out, in);
  const auto run = to_pixels ? (byte ? kernels.u8_to_pixels : kernels.f32_to_pixels)
                             : (byte ? kernels.u8_to_planes : kernels.f32_to_planes);
  return make_layout_step(kernels.name, run, args, in.where, out.where);
}

}  // namespace

extern const OpRecord reorder_op;
const OpRecord reorder_op{
    .name = "Reorder", .infer = infer_same, .plan = plan, .rule = QuantizationRule::pass};

extern const OpRecord reinterpret_op;
const OpRecord reinterpret_op{
    .name = "Reinterpret", .infer = infer_same, .rule = QuantizationRule::pass, .aliasing = Aliasing::view};

}  // namespace refcalib::engine
