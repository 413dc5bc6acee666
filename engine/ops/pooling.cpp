#include "engine/ops/pooling.h"

#include <algorithm>
#include <array>

#include "engine/kernels/pool/pool.h"
#include "engine/kernels/table.h"
#include "engine/ops/channel_arrays.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/require_floats.h"

namespace refcalib::engine {

std::int64_t pooled_size(const PoolingAttributes& a, std::size_t d, std::int64_t in) {
  const std::int64_t extent = (a.kernel[d] - 1) * a.dilations[d] + 1;
  const std::int64_t span = in + a.pads_begin[d] + a.pads_end[d] - extent;
  require(a.kernel[d] > 0 && a.strides[d] > 0 && a.dilations[d] > 0,
          "kernel, strides and dilations must be positive");
  require(span >= 0, "kernel is larger than the padded input");
  const bool ceil = a.rounding != "floor";
  std::int64_t out = (span + (ceil ? a.strides[d] - 1 : 0)) / a.strides[d] + 1;
  if (a.rounding == "ceil_clipped" && (out - 1) * a.strides[d] >= in + a.pads_begin[d]) --out;
  return out;
}

Shape pooled_shape(const PoolingAttributes& a, const Shape& x) {
  require(x.size() >= 3 && x.size() <= 5,
          "pools a tensor of shape " + to_string(x) + ", expected rank 3 to 5");
  const std::size_t spatial = x.size() - 2;
  require(a.method == "max" || a.method == "avg", "pooling method '" + a.method + "' is neither max nor avg");
  Shape out{x[0], x[1]};
  if (!a.bins.empty()) {
    require(a.bins.size() == spatial, "adaptive pooling must have " + std::to_string(spatial) + " sizes");
    for (const std::int64_t size : a.bins) {
      require(size > 0 && size <= std::int64_t{1} << 30, "adaptive pooling to a size that is not positive");
      out.push_back(size);
    }
    return out;
  }
  for (const auto* list : {&a.kernel, &a.strides, &a.dilations, &a.pads_begin, &a.pads_end})
    require(list->size() == spatial,
            "kernel, strides and pads must have " + std::to_string(spatial) + " values each");
  require(a.rounding == "floor" || a.rounding == "ceil" || a.rounding == "ceil_clipped",
          "rounding '" + a.rounding + "' is none of floor, ceil and ceil_clipped");
  for (std::size_t d = 0; d < spatial; ++d) out.push_back(pooled_size(a, d, x[2 + d]));
  return out;
}

PoolingBin pooling_bin(std::int64_t o, std::int64_t in, std::int64_t out) {
  return {o * in / out, ((o + 1) * in + out - 1) / out};
}

namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  require_floats(in, 0);
  return {{in.dtype(0), pooled_shape(attributes.as<PoolingAttributes>(), in.shape(0))}};
}

kernels::Extent3 extent(const std::vector<std::int64_t>& values, std::size_t skip, std::int64_t fill) {
  std::array<std::int64_t, 3> e{fill, fill, fill};
  for (std::size_t i = skip; i < values.size(); ++i) e[3 - (values.size() - skip) + (i - skip)] = values[i];
  return {e[0], e[1], e[2]};
}

kernels::Extent3 sum(const kernels::Extent3& a, const kernels::Extent3& b) {
  return {a.d + b.d, a.h + b.h, a.w + b.w};
}

kernels::CountBox count_box(const PoolingAttributes& a, const kernels::Extent3& in) {
  const kernels::Extent3 begin = extent(a.pads_begin, 0, 0), end = extent(a.pads_end, 0, 0);
  if (a.exclude_pad) return {{0, 0, 0}, in};
  const kernels::Extent3 from{-begin.d, -begin.h, -begin.w};
  if (a.clip_divisor) return {from, sum(in, begin)};
  const auto any = [](const kernels::Extent3& e) { return e.d != 0 || e.h != 0 || e.w != 0; };
  // Without any padding only the cells inside the (trimmed) window count; with padding the whole kernel does.
  if (!any(begin) && !any(end)) return {{0, 0, 0}, in};
  return kernels::CountBox::everything();
}

kernels::PoolKernels::Run form(const kernels::PoolKernels& k, bool max, DType in, DType out) {
  if (max) return in == DType::u8 ? k.max_u8 : k.max_f32;
  if (in == DType::u8) return out == DType::u8 ? k.average_u8 : k.average_u8_to_f32;
  return out == DType::u8 ? k.average_f32_to_u8 : k.average_f32;
}

/// One bin of adaptive pooling as the geometry of a pooling of one image with a single window.
kernels::PoolGeometry bin_geometry(kernels::PoolGeometry g, const kernels::Extent3& at) noexcept {
  const auto z = pooling_bin(at.d, g.in.d, g.out.d), y = pooling_bin(at.h, g.in.h, g.out.h),
             x = pooling_bin(at.w, g.in.w, g.out.w);
  g.batch = 1;
  g.out = {1, 1, 1};
  g.kernel = {z.end - z.begin, y.end - y.begin, x.end - x.begin};
  g.pad = {-z.begin, -y.begin, -x.begin};
  return g;
}

/// Pixels [begin, end) of the output, counted over batch and space, each a call of the kernel for one window.
void run_bins(const kernels::PoolGeometry& g, kernels::PoolKernels::Run run, kernels::PoolOperands operands,
              std::int64_t in_bytes, std::int64_t out_bytes, std::int64_t begin, std::int64_t end) noexcept {
  const auto* const input = static_cast<const std::byte*>(operands.input);
  auto* const output = static_cast<std::byte*>(operands.output);
  for (std::int64_t pixel = begin; pixel < end; ++pixel) {
    const std::int64_t row = pixel / g.out.w, plane = row / g.out.h, n = plane / g.out.d;
    const auto bin = bin_geometry(g, {plane % g.out.d, row % g.out.h, pixel % g.out.w});
    operands.input = input + n * g.in.d * g.in.h * g.in.w * g.in_pixel_stride * in_bytes;
    operands.output = output + pixel * g.out_pixel_stride * out_bytes;
    run(bin, operands, 0, kernels::work_items(bin));
  }
}

kernels::PoolGeometry geometry_of(const PoolingAttributes& a, const TensorRef& in, const TensorRef& out) {
  kernels::PoolGeometry g;
  g.batch = in.shape[0];
  g.channels = in.channels();
  g.in = extent(in.shape, 2, 1);
  g.out = extent(out.shape, 2, 1);
  g.in_pixel_stride = in.pixel_stride;
  g.out_pixel_stride = out.pixel_stride;
  g.count = {{0, 0, 0}, g.in};
  if (!a.bins.empty()) return g;
  g.kernel = extent(a.kernel, 0, 1);
  g.stride = extent(a.strides, 0, 1);
  g.dilation = extent(a.dilations, 0, 1);
  g.pad = extent(a.pads_begin, 0, 0);
  g.count = count_box(a, g.in);
  return g;
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<PoolingAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const kernels::PoolGeometry g = geometry_of(a, in, out);
  const auto& table = kernels::select(kernels::pool_kernels(), context.isa());
  const auto run = form(table, a.method == "max", in.dtype, out.dtype);
  std::vector<float> in_scale, inv_scale;
  kernels::PoolOperands bound;
  if (in.quantization != nullptr) {
    in_scale = channel_scales(*in.quantization, g.channels);
    bound.in_zero_point = in.quantization->zero_point;
  }
  if (out.quantization != nullptr) {
    inv_scale = channel_inverse_scales(*out.quantization, g.channels);
    bound.zero_point = out.quantization->zero_point;
  }
  const auto in_bytes = static_cast<std::int64_t>(size_of(in.dtype)),
             out_bytes = static_cast<std::int64_t>(size_of(out.dtype));
  return make_step(table.name, [=, adaptive = !a.bins.empty(), in_scale = std::move(in_scale),
                                inv_scale = std::move(inv_scale), from = in.where,
                                to = out.where](const RunContext& c) noexcept {
    kernels::PoolOperands operands = bound;
    operands.input = c.read(from);
    operands.output = c.write(to);
    operands.in_scale = in_scale.data();
    operands.inv_scale = inv_scale.data();
    const std::int64_t units = adaptive ? g.batch * g.out.d * g.out.h * g.out.w : kernels::work_items(g);
    c.team.parallel_for(units, 2, [&](std::int64_t begin, std::int64_t end, int) {
      if (adaptive)
        run_bins(g, run, operands, in_bytes, out_bytes, begin, end);
      else
        run(g, operands, begin, end);
    });
  });
}

}  // namespace

extern const OpRecord pooling_op;
const OpRecord pooling_op{.name = "Pooling",
                          .infer = infer,
                          .plan = plan,
                          .rule = QuantizationRule::pooling,
                          .channels_last = true};

}  // namespace refcalib::engine
