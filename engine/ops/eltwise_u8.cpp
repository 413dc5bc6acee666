#include "engine/ops/eltwise_u8.h"

#include <algorithm>
#include <utility>

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/table.h"
#include "engine/ops/broadcast_loop.h"
#include "engine/ops/channel_arrays.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/strides.h"
#include "engine/ops/u8_element.h"

namespace refcalib::engine {
namespace {

/// Channels-last pixels are rows of channels; a plain tensor has one scale, so any cut into rows will do.
RowView rows_for(const TensorRef& t) {
  if (t.layout == Layout::channels_last) return rows_of(t);
  const std::int64_t length = t.shape.empty() ? 1 : t.shape.back();
  return RowView{length == 0 ? 0 : t.count() / length, length, length};
}

/// True if `y` holds one row of channels for every image of `x` or for all of them (squeeze and excitation).
bool one_row_per_image(const TensorRef& x, const TensorRef& y) {
  if (x.layout != Layout::channels_last || y.shape.size() != x.shape.size() || y.shape[1] != x.shape[1] ||
      (y.shape[0] != x.shape[0] && y.shape[0] != 1))
    return false;
  return std::all_of(y.shape.begin() + 2, y.shape.end(), [](std::int64_t dim) { return dim == 1; });
}

std::unique_ptr<Step> plan_rows(const EltwiseAttributes& a, const TensorRef& x, const TensorRef& y,
                                const TensorRef& out, Isa isa) {
  const RowView xr = rows_for(x), yr = rows_for(y), rows = rows_for(out);
  const bool whole = x.shape == y.shape;
  const std::int64_t images = whole ? 1 : x.shape[0];
  kernels::QuantizedBinaryArgs bound;
  bound.rows = images == 0 ? 0 : rows.rows / images;
  bound.channels = rows.length;
  bound.a_stride = xr.stride;
  bound.b_stride = whole ? yr.stride : 0;
  bound.out_stride = rows.stride;
  bound.a_outer_stride = bound.rows * xr.stride;
  bound.b_outer_stride = !whole && y.shape[0] == images ? yr.stride : 0;
  bound.out_outer_stride = bound.rows * rows.stride;
  bound.a_zero_point = x.quantization->zero_point;
  bound.b_zero_point = y.quantization->zero_point;
  bound.zero_point = out.quantization->zero_point;
  bound.low = static_cast<float>(a.activation.low);
  bound.high = static_cast<float>(a.activation.high);
  const auto& table = kernels::select(kernels::eltwise_kernels(), isa);
  return make_step(
      table.name,
      [=, units = rows.rows, run = a.operation == "add" ? table.add_u8 : table.multiply_u8,
       sx = channel_scales(*x.quantization, rows.length), sy = channel_scales(*y.quantization, rows.length),
       so = channel_inverse_scales(*out.quantization, rows.length), xw = x.where, yw = y.where,
       ow = out.where](const RunContext& c) noexcept {
        kernels::QuantizedBinaryArgs args = bound;
        args.a = reinterpret_cast<const std::uint8_t*>(c.read(xw));
        args.b = reinterpret_cast<const std::uint8_t*>(c.read(yw));
        args.output = reinterpret_cast<std::uint8_t*>(c.write(ow));
        args.a_scale = sx.data();
        args.b_scale = sy.data();
        args.inv_scale = so.data();
        run_units(c, units, row_grain(args.channels), args, run);
      });
}

/// Any broadcast in any memory order; all operands have one scale.
std::unique_ptr<Step> plan_elements(const EltwiseAttributes& a, const TensorRef& x, const TensorRef& y,
                                    const TensorRef& out) {
  const auto loop = broadcast_loop<3>({&out, &x, &y});
  const U8Range xq(*x.quantization), yq(*y.quantization), oq(*out.quantization);
  const auto low = static_cast<float>(a.activation.low), high = static_cast<float>(a.activation.high);
  return make_step("eltwise_u8", [=, add = a.operation == "add", xw = x.where, yw = y.where,
                                  ow = out.where](const RunContext& c) noexcept {
    const auto* xs = reinterpret_cast<const std::uint8_t*>(c.read(xw));
    const auto* ys = reinterpret_cast<const std::uint8_t*>(c.read(yw));
    auto* to = reinterpret_cast<std::uint8_t*>(c.write(ow));
    c.team.parallel_for(loop.units(), 16, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t unit = begin; unit < end; ++unit) {
        const auto p = loop.piece(unit);
        for (std::int64_t i = 0; i < p.count; ++i) {
          const float u = xq.value(xs[p.offset[1] + i * p.stride[1]]),
                      v = yq.value(ys[p.offset[2] + i * p.stride[2]]);
          const float r = add ? u + v : u * v;
          to[p.offset[0] + i * p.stride[0]] = oq.stored(std::min(std::max(r, low), high));
        }
      }
    });
  });
}

}  // namespace

bool runs_on_u8(const EltwiseAttributes& a, const Shape& x, const Shape& y, const Shape& out) {
  if (a.operation != "add" && a.operation != "mul") return false;
  return (x == out || y == out) && x.size() == y.size();
}

std::unique_ptr<Step> plan_eltwise_u8(const EltwiseAttributes& a, TensorRef x, TensorRef y,
                                      const TensorRef& out, Isa isa) {
  if (x.shape != out.shape) std::swap(x, y);  // sums and products do not mind
  if (x.shape == y.shape || one_row_per_image(x, y)) return plan_rows(a, x, y, out, isa);
  return plan_elements(a, x, y, out);
}

}  // namespace refcalib::engine
