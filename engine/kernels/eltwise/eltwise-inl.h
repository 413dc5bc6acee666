#pragma once

#include "engine/kernels/eltwise/binary-inl.h"
#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/eltwise/unary-inl.h"
#include "engine/kernels/quantize-inl.h"

/// Per-channel and quantized element-wise kernels, and the record of them all.
namespace refcalib::engine::kernels {

template <class Arch>
struct ChannelWise {
  static void affine(const ChannelArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    run<2>(a, {a.weight, a.bias}, begin, end, [](auto x, std::int64_t c, auto n, auto& arrays) {
      return x * load(arrays[0] + c, n) + load(arrays[1] + c, n);
    });
  }

  static void prelu(const ChannelArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    run<1>(a, {a.weight}, begin, end, [](auto x, std::int64_t c, auto n, auto& arrays) {
      return BinaryOps<Arch>::Prelu::apply(x, load(arrays[0] + c, n));
    });
  }

 private:
  template <std::size_t N, class F>
  static void run(const ChannelArgs& a, const float* const (&arrays)[N], std::int64_t begin, std::int64_t end,
                  const F& f) {
    const RowView<Arch> view{a.channels, a.in_stride, a.out_stride};
    for_row_pieces<Arch>(view, arrays, begin, end,
                         [&](std::int64_t in, std::int64_t out, std::int64_t width, auto& piece_arrays) {
                           for_vectors<Arch, Floats<Arch>::size>(width, [&](std::int64_t c, auto n) {
                             store(a.output + out + c, f(load(a.input + in + c, n), c, n, piece_arrays), n);
                           });
                         });
  }
};

template <class Arch, class Op>
void run_quantized(const QuantizedBinaryArgs& args, std::int64_t begin, std::int64_t end) noexcept {
  const Dequantizer<Arch> from_a(args.a_zero_point);
  const Dequantizer<Arch> from_b(args.b_zero_point);
  const Quantizer<Arch> quantizer(args.zero_point);
  const auto low = Floats<Arch>::broadcast(args.low);
  const auto high = Floats<Arch>::broadcast(args.high);
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t outer = unit / args.rows;
    const std::int64_t row = unit % args.rows;
    const std::uint8_t* a = args.a + outer * args.a_outer_stride + row * args.a_stride;
    const std::uint8_t* b = args.b + outer * args.b_outer_stride + row * args.b_stride;
    std::uint8_t* out = args.output + outer * args.out_outer_stride + row * args.out_stride;
    for_vectors<Arch, Floats<Arch>::size>(args.channels, [&](std::int64_t c, auto n) {
      const auto ya = from_a(load_u8(a + c, n), load(args.a_scale + c, n));
      const auto yb = from_b(load_u8(b + c, n), load(args.b_scale + c, n));
      const auto y = min(max(Op::apply(ya, yb), low), high);
      store_u8(out + c, quantizer(y * load(args.inv_scale + c, n)), n);
    });
  }
}

/// A type list in the order of UnaryOp.
template <class Arch, class... Ops>
struct UnaryList {
  static constexpr void fill(EltwiseKernels& kernels) {
    static_assert(sizeof...(Ops) == unary_op_count);
    int i = 0;
    ((kernels.unary[i++] = &run_unary<Arch, Ops>), ...);
  }
};

template <class Arch>
constexpr EltwiseKernels make_eltwise_kernels(const char* name, Isa isa) {
  using B = BinaryOps<Arch>;
  using U = UnaryOps<Arch>;
  EltwiseKernels kernels = {
      name,
      isa,
      {&Binary<Arch, typename B::Add>::run, &Binary<Arch, typename B::Subtract>::run,
       &Binary<Arch, typename B::Multiply>::run, &Binary<Arch, typename B::Divide>::run,
       &Binary<Arch, typename B::Maximum>::run, &Binary<Arch, typename B::Minimum>::run,
       &Binary<Arch, typename B::SquaredDiff>::run, &run_power<Arch>, &Binary<Arch, typename B::Prelu>::run},
      {},
      &ChannelWise<Arch>::affine,
      &ChannelWise<Arch>::prelu,
      &run_quantized<Arch, typename B::Add>,
      &run_quantized<Arch, typename B::Multiply>};
  UnaryList<Arch, typename U::Abs, typename U::Negate, typename U::Relu, typename U::LeakyRelu,
            typename U::Clamp, typename U::Sigmoid, typename U::Tanh, typename U::Exp, typename U::Log,
            typename U::Sqrt, typename U::Erf, typename U::Floor, typename U::Ceil, typename U::Round,
            typename U::Elu, typename U::Swish, typename U::HSwish, typename U::HSigmoid,
            typename U::HardSigmoid, typename U::Softplus, typename U::Mish, typename U::GeluErf,
            typename U::GeluTanh, typename U::Linear>::fill(kernels);
  return kernels;
}

}  // namespace refcalib::engine::kernels
