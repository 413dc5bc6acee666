#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "bench/memory/loop.h"
#include "engine/cpu/isa.h"
#include "engine/kernels/axis_copy/axis_copy.h"
#include "engine/kernels/convert/convert.h"
#include "engine/kernels/copy_strided/copy_strided.h"
#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/layout/layout.h"
#include "engine/kernels/lrn/lrn.h"
#include "engine/kernels/normalize/normalize.h"
#include "engine/kernels/pool/pool.h"
#include "engine/kernels/reduce/reduce.h"
#include "engine/kernels/resize/resize.h"
#include "engine/kernels/softmax/softmax.h"

namespace refcalib_bench {
namespace {

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;

/// Channels of a pixel, or values of a row, of every loop here.
constexpr std::int64_t kChannels = 64;

/// Per-channel arrays that stay where they are.
const float* ones() {
  static const std::vector<float> values(kChannels, 1.0F);
  return values.data();
}

std::string name_of(const char* unit, const std::string& form, Isa isa) {
  return std::string(unit) + "/" + form + "/" + std::string(to_string(isa));
}

/// The rows of a table that this processor can run.
template <class Row>
std::vector<const Row*> runnable(std::span<const Row> table) {
  std::vector<const Row*> rows;
  for (const Row& row : table)
    if (is_available(row.isa)) rows.push_back(&row);
  return rows;
}

/// A kernel whose arguments name their memory and whose units of work are counted by work_items().
template <class Args, class Run>
Loop::Make over_units(Run run, Args args, void (*shape)(Args&, std::int64_t pixels)) {
  return [=](const std::byte* in, std::byte* out, std::size_t items) {
    Args bound = args;
    using In = decltype(bound.input);
    using Out = decltype(bound.output);
    bound.input = static_cast<In>(static_cast<const void*>(in));
    bound.output = static_cast<Out>(static_cast<void*>(out));
    shape(bound, static_cast<std::int64_t>(items));
    return [=] { run(bound, 0, work_items(bound)); };
  };
}

void add_convert(std::vector<Loop>& loops) {
  ConvertArgs args;
  args.channels = args.in_stride = args.out_stride = kChannels;
  args.in_scale = args.inv_scale = ones();
  args.zero_point = args.in_zero_point = 128;
  const auto make = [args](ConvertKernels::Run run) -> Loop::Make {
    return [=](const std::byte* in, std::byte* out, std::size_t items) {
      ConvertArgs bound = args;
      bound.input = in;
      bound.output = out;
      return [=] { run(bound, 0, static_cast<std::int64_t>(items)); };
    };
  };
  for (const ConvertKernels* k : runnable(convert_kernels())) {
    loops.push_back({name_of("convert", "quantize", k->isa), 4 * kChannels, kChannels, 4, make(k->quantize)});
    loops.push_back(
        {name_of("convert", "dequantize", k->isa), kChannels, 4 * kChannels, 4, make(k->dequantize)});
    loops.push_back({name_of("convert", "requantize", k->isa), kChannels, kChannels, 4, make(k->requantize)});
    loops.push_back({name_of("convert", "widen", k->isa), kChannels, 4 * kChannels, 4, make(k->widen)});
  }
}

void shape_layout(LayoutArgs& args, std::int64_t pixels) {
  args.pixels = args.plane_stride = pixels;
}

void add_layout(std::vector<Loop>& loops) {
  LayoutArgs args;
  args.channels = args.padded_channels = args.pixel_stride = kChannels;
  args.scale = args.inv_scale = ones();
  args.zero_point = 128;
  struct Form {
    const char* name;
    LayoutKernels::Run LayoutKernels::*run;
    double in, out;
  };
  constexpr Form forms[] = {{"f32_to_pixels", &LayoutKernels::f32_to_pixels, 4, 4},
                            {"u8_to_pixels", &LayoutKernels::u8_to_pixels, 1, 1},
                            {"quantize_to_pixels", &LayoutKernels::quantize_to_pixels, 4, 1},
                            {"widen_to_pixels", &LayoutKernels::widen_to_pixels, 1, 4},
                            {"f32_to_planes", &LayoutKernels::f32_to_planes, 4, 4},
                            {"u8_to_planes", &LayoutKernels::u8_to_planes, 1, 1},
                            {"dequantize_to_planes", &LayoutKernels::dequantize_to_planes, 1, 4}};
  for (const LayoutKernels* k : runnable(layout_kernels()))
    for (const Form& form : forms)
      loops.push_back({name_of("layout", form.name, k->isa), form.in * kChannels, form.out * kChannels, 64,
                       over_units<LayoutArgs>(k->*form.run, args, shape_layout)});
}

/// Pooling of 2x2 pixels with stride 2 over images of 32 columns; an item is one output pixel.
void add_pool(std::vector<Loop>& loops) {
  struct Form {
    const char* name;
    PoolKernels::Run PoolKernels::*run;
    double in, out;
  };
  constexpr Form forms[] = {{"max_f32", &PoolKernels::max_f32, 4, 4},
                            {"max_u8", &PoolKernels::max_u8, 1, 1},
                            {"average_f32", &PoolKernels::average_f32, 4, 4},
                            {"average_f32_to_u8", &PoolKernels::average_f32_to_u8, 4, 1},
                            {"average_u8", &PoolKernels::average_u8, 1, 1},
                            {"average_u8_to_f32", &PoolKernels::average_u8_to_f32, 1, 4}};
  for (const PoolKernels* k : runnable(pool_kernels()))
    for (const Form& form : forms)
      loops.push_back({name_of("pool", form.name, k->isa), 4 * form.in * kChannels, form.out * kChannels, 16,
                       [run = k->*form.run](const std::byte* in, std::byte* out, std::size_t items) {
                         PoolGeometry g;
                         g.channels = g.in_pixel_stride = g.out_pixel_stride = kChannels;
                         g.out = {1, static_cast<std::int64_t>(items) / 16, 16};
                         g.in = {1, 2 * g.out.h, 32};
                         g.kernel = g.stride = {1, 2, 2};
                         g.count = CountBox::everything();
                         PoolOperands operands{in, out, ones(), 128, ones(), 128};
                         return [=] { run(g, operands, 0, work_items(g)); };
                       }});
}

void add_unary(std::vector<Loop>& loops) {
  struct Form {
    const char* name;
    UnaryOp op;
  };
  constexpr Form forms[] = {{"relu", UnaryOp::relu},     {"leaky_relu", UnaryOp::leaky_relu},
                            {"clamp", UnaryOp::clamp},   {"sigmoid", UnaryOp::sigmoid},
                            {"tanh", UnaryOp::tanh},     {"exp", UnaryOp::exp},
                            {"hswish", UnaryOp::hswish}, {"gelu_erf", UnaryOp::gelu_erf},
                            {"linear", UnaryOp::linear}, {"sqrt", UnaryOp::sqrt},
                            {"mish", UnaryOp::mish},     {"round", UnaryOp::round}};
  UnaryArgs args;
  args.alpha = 0.1F;
  args.beta = 6;
  for (const EltwiseKernels* k : runnable(eltwise_kernels()))
    for (const Form& form : forms)
      loops.push_back({name_of("eltwise", form.name, k->isa), 4, 4, 64,
                       over_units<UnaryArgs>(k->of(form.op), args, [](UnaryArgs& a, std::int64_t n) {
                         a.channels = a.in_stride = a.out_stride = n;
                       })});
}

void add_binary(std::vector<Loop>& loops) {
  struct Form {
    const char* name;
    BinaryOp op;
  };
  constexpr Form forms[] = {
      {"add", BinaryOp::add}, {"multiply", BinaryOp::multiply}, {"maximum", BinaryOp::maximum}};
  for (const EltwiseKernels* k : runnable(eltwise_kernels())) {
    for (const Form& form : forms)
      loops.push_back({name_of("eltwise", form.name, k->isa), 8, 4, 64,
                       [run = k->of(form.op)](const std::byte* in, std::byte* out, std::size_t items) {
                         BinaryArgs args;
                         args.a = reinterpret_cast<const float*>(in);
                         args.b = args.a + items;
                         args.output = reinterpret_cast<float*>(out);
                         args.rank = 1;
                         args.dims[0] = static_cast<std::int64_t>(items);
                         args.a_stride[0] = args.b_stride[0] = args.out_stride[0] = 1;
                         return [=] { run(args, 0, work_items(args)); };
                       }});
    const auto quantized = [](EltwiseKernels::Quantized run) -> Loop::Make {
      return [=](const std::byte* in, std::byte* out, std::size_t items) {
        QuantizedBinaryArgs args;
        args.a = reinterpret_cast<const std::uint8_t*>(in);
        args.b = args.a + items * kChannels;
        args.output = reinterpret_cast<std::uint8_t*>(out);
        args.rows = static_cast<std::int64_t>(items);
        args.channels = args.a_stride = args.b_stride = args.out_stride = kChannels;
        args.a_scale = args.b_scale = args.inv_scale = ones();
        args.low = -std::numeric_limits<float>::infinity();
        args.high = std::numeric_limits<float>::infinity();
        return [=] { run(args, 0, args.rows); };
      };
    };
    loops.push_back(
        {name_of("eltwise", "add_u8", k->isa), 2 * kChannels, kChannels, 4, quantized(k->add_u8)});
    loops.push_back(
        {name_of("eltwise", "multiply_u8", k->isa), 2 * kChannels, kChannels, 4, quantized(k->multiply_u8)});
  }
}

void add_channels(std::vector<Loop>& loops) {
  const auto make = [](EltwiseKernels::Channel run) -> Loop::Make {
    return [=](const std::byte* in, std::byte* out, std::size_t items) {
      ChannelArgs args;
      args.input = reinterpret_cast<const float*>(in);
      args.output = reinterpret_cast<float*>(out);
      args.channels = args.in_stride = args.out_stride = kChannels;
      args.weight = args.bias = ones();
      return [=] { run(args, 0, static_cast<std::int64_t>(items)); };
    };
  };
  for (const EltwiseKernels* k : runnable(eltwise_kernels())) {
    loops.push_back({name_of("eltwise", "affine", k->isa), 4 * kChannels, 4 * kChannels, 4, make(k->affine)});
    loops.push_back({name_of("eltwise", "prelu", k->isa), 4 * kChannels, 4 * kChannels, 4, make(k->prelu)});
  }
}

/// Rows of 1024 values along which sums, softmax and normalizations run.
constexpr std::int64_t kRow = 1024;

template <class Args>
void shape_rows(Args& args, std::int64_t rows) {
  args.outer = rows;
  args.n = args.in_outer_stride = kRow;
  args.in_stride = 1;
  if constexpr (requires { args.out_outer_stride; }) {
    args.out_outer_stride = kRow;
    args.out_stride = 1;
  }
}

void add_rows(std::vector<Loop>& loops) {
  constexpr double bytes = 4 * kRow;
  for (const ReduceKernels* k : runnable(reduce_kernels()))
    for (const auto& [name, op] :
         {std::pair{"sum", ReduceOp::sum}, {"max", ReduceOp::max}, {"l2", ReduceOp::l2}})
      loops.push_back({name_of("reduce", name, k->isa), bytes, 4, 1,
                       over_units<ReduceArgs>(k->of(op), {}, shape_rows<ReduceArgs>)});
  for (const SoftmaxKernels* k : runnable(softmax_kernels())) {
    loops.push_back({name_of("softmax", "softmax", k->isa), bytes, bytes, 1,
                     over_units<SoftmaxArgs>(k->softmax, {}, shape_rows<SoftmaxArgs>)});
    loops.push_back({name_of("softmax", "log_softmax", k->isa), bytes, bytes, 1,
                     over_units<SoftmaxArgs>(k->log_softmax, {}, shape_rows<SoftmaxArgs>)});
  }
  NormalizeArgs normalize;
  normalize.eps = 1e-5F;
  for (const NormalizeKernels* k : runnable(normalize_kernels())) {
    loops.push_back(
        {name_of("normalize", "mean_variance", k->isa), bytes, bytes, 1,
         over_units<NormalizeArgs>(k->of(NormalizeOp::mean_variance), normalize, shape_rows<NormalizeArgs>)});
    loops.push_back(
        {name_of("normalize", "l2", k->isa), bytes, bytes, 1,
         over_units<NormalizeArgs>(k->of(NormalizeOp::l2), normalize, shape_rows<NormalizeArgs>)});
  }
}

void add_lrn(std::vector<Loop>& loops) {
  for (const LrnKernels* k : runnable(lrn_kernels()))
    loops.push_back({name_of("lrn", "scale", k->isa), 8, 4, 64,
                     [run = k->scale](const std::byte* in, std::byte* out, std::size_t items) {
                       const auto* x = reinterpret_cast<const float*>(in);
                       return [=] {
                         run(x, x + items, reinterpret_cast<float*>(out), static_cast<std::int64_t>(items),
                             1e-4F, 0.75F, 2.0F);
                       };
                     }});
}

/// Bilinear interpolation to twice the size over images of 16 columns; an item is one input pixel.
struct Doubling {
  std::vector<std::int64_t> first, index;
  std::vector<float> weight;

  explicit Doubling(std::int64_t size) {
    for (std::int64_t o = 0; o < 2 * size; ++o) {
      first.push_back(static_cast<std::int64_t>(index.size()));
      const std::int64_t near = o / 2,
                         far = std::clamp<std::int64_t>(near + (o % 2 == 0 ? -1 : 1), 0, size - 1);
      index.insert(index.end(), {std::min(near, far), std::max(near, far)});
      weight.insert(weight.end(), near < far ? std::initializer_list<float>{0.75F, 0.25F}
                                             : std::initializer_list<float>{0.25F, 0.75F});
    }
    first.push_back(static_cast<std::int64_t>(index.size()));
  }
  ResizeAxis axis() const {
    const auto out = static_cast<std::int64_t>(first.size()) - 1;
    return {first.data(), index.data(), weight.data(), out / 2, out};
  }
};

void add_resize(std::vector<Loop>& loops) {
  static const std::int64_t bounds[] = {0, 1}, zero[] = {0};
  static const float one[] = {1.0F};
  for (const ResizeKernels* k : runnable(resize_kernels()))
    for (const bool quantized : {false, true})
      loops.push_back(
          {name_of("resize", quantized ? "bilinear_u8" : "bilinear_f32", k->isa),
           (quantized ? 1.0 : 4.0) * kChannels, (quantized ? 4.0 : 16.0) * kChannels, 16,
           [run = quantized ? k->u8 : k->f32](const std::byte* in, std::byte* out, std::size_t items) {
             struct State {
               Doubling y, x;
               std::vector<float> scratch;
             };
             auto state = std::make_shared<State>(
                 State{Doubling(static_cast<std::int64_t>(items) / 16), Doubling(16), {}});
             ResizeArgs args;
             args.input = in;
             args.output = out;
             args.channels = args.in_pixel_stride = args.out_pixel_stride = kChannels;
             args.z = {bounds, zero, one, 1, 1};
             args.y = state->y.axis();
             args.x = state->x.axis();
             args.in_scale = args.inv_scale = ones();
             state->scratch.resize(static_cast<std::size_t>(scratch_floats(args)) + 64);
             return [=] { run(args, state->scratch.data(), 0, work_items(args)); };
           }});
}

/// Copies that serve every instruction set: a transposed matrix of floats, and padding of rows by one element.
void add_copies(std::vector<Loop>& loops) {
  loops.push_back({"copy_strided/transpose/any", 4 * kChannels, 4 * kChannels, 16,
                   [](const std::byte* in, std::byte* out, std::size_t items) {
                     const auto rows = static_cast<std::int64_t>(items);
                     StridedCopy copy;
                     copy.input = in;
                     copy.output = out;
                     copy.rank = 2;
                     copy.dims = {rows, kChannels};
                     copy.in_stride = {kChannels, 1};
                     copy.out_stride = {1, rows};
                     copy = normalized(copy);
                     return [=] { run(copy, 0, work_items(copy)); };
                   }});
  loops.push_back(
      {"axis_copy/pad/any", 4 * kChannels, 4 * (kChannels + 1), 16,
       [](const std::byte* in, std::byte* out, std::size_t items) {
         AxisTable rows{std::vector<std::int64_t>(items), kChannels + 1};
         for (std::size_t r = 0; r < items; ++r) rows.source[r] = static_cast<std::int64_t>(r) * kChannels;
         AxisTable columns{std::vector<std::int64_t>(kChannels), 1};
         std::iota(columns.source.begin(), columns.source.end(), 0);
         columns.source.push_back(AxisTable::fill);
         auto copy = std::make_shared<AxisCopy>(std::vector{rows, columns}, 4, std::array<std::byte, 8>{});
         return [=] { copy->run(in, out, 0, copy->work_items()); };
       }});
}

}  // namespace

std::vector<Loop> kernel_loops() {
  std::vector<Loop> loops;
  add_convert(loops);
  add_layout(loops);
  add_pool(loops);
  add_unary(loops);
  add_binary(loops);
  add_channels(loops);
  add_rows(loops);
  add_lrn(loops);
  add_resize(loops);
  add_copies(loops);
  return loops;
}

}  // namespace refcalib_bench
