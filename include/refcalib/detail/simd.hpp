#pragma once

// The only include of xsimd. Everything here is written to the intersection of xsimd 8.1 and 14 and is a
// template on the architecture, so that translation units compiled with different flags instantiate different
// symbols.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <type_traits>
// GCC 12 builds the undefined operand of its own AVX-512 intrinsics from an uninitialized variable and, after
// inlining, reports it as ours (GCC bug 105593). The state of the diagnostics where the intrinsics are
// defined decides.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <xsimd/xsimd.hpp>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace refcalib {

/// The widest architecture that the flags of this translation unit allow.
using DefaultArch = xsimd::default_arch;

}  // namespace refcalib

namespace refcalib::detail {

template <class T, class Arch>
using Batch = xsimd::batch<T, Arch>;

/// float (and int32) lanes of one register.
template <class Arch>
inline constexpr std::size_t kLanes = Batch<float, Arch>::size;

/// Values per call of a block kernel: four registers hide the latency of the arithmetic.
template <class Arch>
inline constexpr std::size_t kBlock = 4 * kLanes<Arch>;

/// A template, so that code built for one instruction set cannot be picked by the linker for another.
template <class Arch>
[[noreturn]] void fail(const char* what) {
  throw std::invalid_argument(what);
}

/// max(low, min(high, v)) with NaN going to low: v > low ? v : low, then v < high ? v : high. Both comparisons are false
/// for NaN; on x86 one instruction does each.
template <class Arch>
Batch<float, Arch> clamp_nan_to_low(Batch<float, Arch> v, Batch<float, Arch> low, Batch<float, Arch> high) {
#if defined(__x86_64__)
  return xsimd::min(xsimd::max(v, low), high);
#else
  v = xsimd::select(v > low, v, low);
  return xsimd::select(v < high, v, high);
#endif
}

/// x < y ? x : y and x > y ? x : y: y where one of them is NaN. On x86 one instruction each.
template <class Arch>
Batch<float, Arch> min_or_second(Batch<float, Arch> x, Batch<float, Arch> y) {
#if defined(__x86_64__)
  return xsimd::min(x, y);
#else
  return xsimd::select(x < y, x, y);
#endif
}
template <class Arch>
Batch<float, Arch> max_or_second(Batch<float, Arch> x, Batch<float, Arch> y) {
#if defined(__x86_64__)
  return xsimd::max(x, y);
#else
  return xsimd::select(x > y, x, y);
#endif
}

/// True if store_selected() is a few instructions.
template <class Arch>
inline constexpr bool kSelectsLanes = false;

#if defined(__AVX512F__)
template <class Arch>
requires(std::is_base_of_v<xsimd::avx512f, Arch>) inline constexpr bool kSelectsLanes<Arch> = true;

/// Stores the selected lanes one behind the other, in order, and something in the other places of a whole register; returns how many
/// were selected. xsimd 8.1 has no word for it.
template <class Arch>
std::size_t store_selected(Batch<std::int32_t, Arch> values, xsimd::batch_bool<float, Arch> selected,
                           std::int32_t* out) {
  const auto mask = static_cast<__mmask16>(selected.data);
  _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(mask, values.data));
  return static_cast<std::size_t>(__builtin_popcount(mask));
}
#endif

/// Round half to even, |v| < 2^31. Relies on the default rounding mode, as std::lrint does.
template <class Arch>
Batch<std::int32_t, Arch> round_to_int(Batch<float, Arch> v) {
  return xsimd::nearbyint_as_int(v);
}

/// Stores `N` int32 as narrower integers; the caller guarantees that they fit. A loop of constant length over
/// two arrays becomes the pack or truncate instructions of the target; xsimd 8.1 has no narrowing conversion.
template <class Arch, std::size_t N, class T>
void store_narrow(const std::array<std::int32_t, N>& values, T* out) {
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<T>(values[i]);
}

/// Applies kernel(const In*, Out*), which handles exactly kBlock<Arch> values, to n values. The last, partial
/// block goes through a zero-padded copy and the same kernel, so there is no second, scalar form to keep
/// equal.
template <class Arch, class In, class Out, class Kernel>
void transform_blocks(const In* in, Out* out, std::size_t n, const Kernel& kernel) {
  constexpr std::size_t block = kBlock<Arch>;
  std::size_t i = 0;
  for (; i + block <= n; i += block) kernel(in + i, out + i);
  if (i == n) return;
  alignas(64) In padded_in[block] = {};
  alignas(64) Out padded_out[block];
  std::memcpy(padded_in, in + i, (n - i) * sizeof(In));
  kernel(padded_in, padded_out);
  std::memcpy(out + i, padded_out, (n - i) * sizeof(Out));
}

/// What one pass over a stretch of floats tells. min and max are meaningful only if all_finite.
struct FiniteScan {
  float min;
  float max;
  bool all_finite;
};

/// Keeps a value in its register. GCC would rather repeat the load as an operand of every instruction that uses it, and they would wait
/// for the load ports.
template <class B>
void keep_in_register([[maybe_unused]] B& value) {
#if defined(__GNUC__) && defined(__x86_64__)
  asm("" : "+v"(value.data));
#endif
}

/// Minimum and maximum of n >= 1 values, and whether all are finite. x * 0 is zero for finite x and NaN
/// otherwise, so one sum of such products detects NaN and infinity at the cost of one operation.
template <class Arch>
FiniteScan scan_finite(const float* data, std::size_t n) {
  using B = Batch<float, Arch>;
  constexpr std::size_t lanes = kLanes<Arch>;
  constexpr std::size_t unroll = 4;
  std::array<B, unroll> low;
  std::array<B, unroll> high;
  std::array<B, unroll> taint;
  for (std::size_t u = 0; u < unroll; ++u) {
    low[u] = B(data[0]);
    high[u] = B(data[0]);
    taint[u] = B(0.0F);
  }
  const B zero(0.0F);
  const auto step = [&](const float* block) {
    for (std::size_t u = 0; u < unroll; ++u) {
      B x = B::load_unaligned(block + u * lanes);
      keep_in_register(x);
      low[u] = xsimd::min(low[u], x);
      high[u] = xsimd::max(high[u], x);
      taint[u] = xsimd::fma(x, zero, taint[u]);
    }
  };
  constexpr std::size_t block = kBlock<Arch>;
  std::size_t i = 0;
  for (; i + block <= n; i += block) step(data + i);
  if (i < n) {
    // Padding with a value of the data leaves minimum and maximum unchanged.
    alignas(64) float padded[block];
    for (std::size_t k = 0; k < block; ++k) padded[k] = data[0];
    std::memcpy(padded, data + i, (n - i) * sizeof(float));
    step(padded);
  }
  const B low_all = xsimd::min(xsimd::min(low[0], low[1]), xsimd::min(low[2], low[3]));
  const B high_all = xsimd::max(xsimd::max(high[0], high[1]), xsimd::max(high[2], high[3]));
  const B taint_all = (taint[0] + taint[1]) + (taint[2] + taint[3]);
  alignas(64) float lows[lanes];
  alignas(64) float highs[lanes];
  alignas(64) float taints[lanes];
  low_all.store_unaligned(lows);
  high_all.store_unaligned(highs);
  taint_all.store_unaligned(taints);
  FiniteScan result{lows[0], highs[0], true};
  for (std::size_t k = 0; k < lanes; ++k) {
    result.min = lows[k] < result.min ? lows[k] : result.min;
    result.max = highs[k] > result.max ? highs[k] : result.max;
    result.all_finite = result.all_finite && taints[k] == 0.0F;
  }
  return result;
}

}  // namespace refcalib::detail
