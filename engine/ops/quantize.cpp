#include "engine/kernels/convert/convert.h"
#include "engine/kernels/table.h"
#include "engine/ops/channel_arrays.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/reorder.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

/// The tensor as rows whose elements share the quantization's channels: pixels of a channels-last tensor; a plain one with one scale is
/// cut into rows of 64 * 16 elements, a plain one with a scale per channel cannot be viewed that way.
RowView quantized_rows(const TensorRef& tensor, const Quantization& q) {
  if (tensor.layout == Layout::channels_last) return rows_of(tensor);
  if (q.per_channel() && tensor.shape.size() != 2)
    throw UnsupportedError("a range per channel is supported for channels-last tensors only");
  if (tensor.shape.size() == 2) return {tensor.shape[0], tensor.shape[1], tensor.shape[1]};
  return {1, tensor.count(), tensor.count()};
}

std::unique_ptr<Step> convert_rows(const TensorRef& in, const TensorRef& out, const Quantization& q,
                                   bool quantize, Isa isa) {
  const auto& table = kernels::select(kernels::convert_kernels(), isa);
  const RowView from = quantized_rows(in, q), to = quantized_rows(out, q);
  kernels::ConvertArgs bound;
  bound.channels = from.length;
  bound.in_stride = from.stride;
  bound.out_stride = to.stride;
  bound.in_zero_point = bound.zero_point = q.zero_point;
  const std::int64_t rows = from.rows, grain = row_grain(from.length);
  const auto run = quantize ? table.quantize : table.dequantize;
  auto scales = quantize ? channel_inverse_scales(q, from.length) : channel_scales(q, from.length);
  return make_step(table.name, [=, scales = std::move(scales), a = in.where,
                                b = out.where](const RunContext& context) noexcept {
    kernels::ConvertArgs args = bound;
    args.input = context.read(a);
    args.output = context.write(b);
    (quantize ? args.inv_scale : args.in_scale) = scales.data();
    run_units(context, rows, grain, args, run);
  });
}

/// Quantizing or dequantizing while the memory order changes.
std::unique_ptr<Step> convert_layout(const TensorRef& in, const TensorRef& out, const Quantization& q,
                                     bool quantize, Isa isa) {
  const auto& table = kernels::select(kernels::layout_kernels(), isa);
  kernels::LayoutArgs bound = quantize ? layout_args(in, out) : layout_args(out, in);
  bound.zero_point = q.zero_point;
  auto scales = quantize ? channel_inverse_scales(q, bound.channels) : channel_scales(q, bound.channels);
  const auto run = quantize ? table.quantize_to_pixels : table.dequantize_to_planes;
  return make_step(table.name, [=, scales = std::move(scales), a = in.where,
                                b = out.where](const RunContext& context) noexcept {
    kernels::LayoutArgs args = bound;
    args.input = context.read(a);
    args.output = context.write(b);
    (quantize ? args.inv_scale : args.scale) = scales.data();
    run_units(context, kernels::work_items(args), 4, args, run);
  });
}

std::unique_ptr<Step> plan_conversion(const TensorRef& in, const TensorRef& out, const Quantization& q,
                                      bool quantize, Isa isa) {
  if (in.layout == out.layout) return convert_rows(in, out, q, quantize, isa);
  const bool supported = quantize ? out.layout == Layout::channels_last : out.layout == Layout::plain;
  if (!supported) throw Error("internal: this conversion does not change the memory order that way");
  return convert_layout(in, out, q, quantize, isa);
}

std::unique_ptr<Step> plan_quantize(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  return plan_conversion(in, out, *out.quantization, true, context.isa());
}

std::unique_ptr<Step> plan_dequantize(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  return plan_conversion(in, out, *in.quantization, false, context.isa());
}

}  // namespace

extern const OpRecord quantize_op;
const OpRecord quantize_op{.name = "Quantize", .infer = infer_same, .plan = plan_quantize};

extern const OpRecord dequantize_op;
const OpRecord dequantize_op{.name = "Dequantize", .infer = infer_same, .plan = plan_dequantize};

}  // namespace refcalib::engine
