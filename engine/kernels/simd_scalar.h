#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/kernels/simd_tags.h"

namespace refcalib::engine::kernels {

/// One lane. Uses compiler builtins instead of <cmath>, whose overloads are inline functions with weak
/// symbols.
template <class A>
struct SimdScalar {
  static constexpr int lanes = 1;
  using F = float;
  using I = std::int32_t;
  using M = bool;

  [[gnu::always_inline]] static F load(const float* p) { return *p; }
  [[gnu::always_inline]] static I load(const std::int32_t* p) { return *p; }
  [[gnu::always_inline]] static void store(float* p, F v) { *p = v; }
  [[gnu::always_inline]] static void store(std::int32_t* p, I v) { *p = v; }
  [[gnu::always_inline]] static F load_n(const float* p, int n) { return n > 0 ? *p : 0.0F; }
  [[gnu::always_inline]] static I load_n(const std::int32_t* p, int n) { return n > 0 ? *p : 0; }
  [[gnu::always_inline]] static void store_n(float* p, F v, int n) {
    if (n > 0) {
      *p = v;
    }
  }
  [[gnu::always_inline]] static void store_n(std::int32_t* p, I v, int n) {
    if (n > 0) {
      *p = v;
    }
  }
  [[gnu::always_inline]] static I load_u8(const std::uint8_t* p) { return *p; }
  [[gnu::always_inline]] static I load_u8_n(const std::uint8_t* p, int n) { return n > 0 ? *p : 0; }
  [[gnu::always_inline]] static I load_s8(const std::int8_t* p) { return *p; }
  [[gnu::always_inline]] static void store_u8(std::uint8_t* p, I v) {
    *p = static_cast<std::uint8_t>(v < 0 ? 0 : (v > 255 ? 255 : v));
  }
  [[gnu::always_inline]] static void store_u8_n(std::uint8_t* p, I v, int n) {
    if (n > 0) {
      store_u8(p, v);
    }
  }
  [[gnu::always_inline]] static I pack_u8x4(I a, I b, I c, I d, I zero_points) {
    const I zero_point = zero_points & 0xFFFF;
    const auto byte = [zero_point](I v) {
      const I q = (v < -32768 ? -32768 : v > 32767 ? 32767 : v) + zero_point;
      return bits(q < 0 ? 0 : q > 255 ? 255 : q);
    };
    return wrap(byte(a) | byte(b) << 8U | byte(c) << 16U | byte(d) << 24U);
  }
  [[gnu::always_inline]] static void scatter_quarters(std::uint8_t* p0, std::uint8_t* p1, std::uint8_t* p2,
                                                      std::uint8_t* p3, I v) {
    std::uint8_t bytes[4];
    std::memcpy(bytes, &v, sizeof bytes);
    *p0 = bytes[0], *p1 = bytes[1], *p2 = bytes[2], *p3 = bytes[3];
  }
  template <int vectors>
  [[gnu::always_inline]] static void store_quarters(std::uint8_t* p, I v) {
    std::memcpy(p, &v, vectors);
  }
  [[gnu::always_inline]] static F broadcast(float x) { return x; }
  [[gnu::always_inline]] static I broadcast(std::int32_t x) { return x; }

  [[gnu::always_inline]] static F add(F a, F b) { return a + b; }
  [[gnu::always_inline]] static F sub(F a, F b) { return a - b; }
  [[gnu::always_inline]] static F mul(F a, F b) { return a * b; }
  [[gnu::always_inline]] static F div(F a, F b) { return a / b; }
  [[gnu::always_inline]] static I add(I a, I b) { return wrap(bits(a) + bits(b)); }
  [[gnu::always_inline]] static I sub(I a, I b) { return wrap(bits(a) - bits(b)); }
  [[gnu::always_inline]] static I mul(I a, I b) { return wrap(bits(a) * bits(b)); }
  [[gnu::always_inline]] static F fma(F a, F b, F c) { return __builtin_fmaf(a, b, c); }
  [[gnu::always_inline]] static F min(F a, F b) { return a < b ? a : b; }
  [[gnu::always_inline]] static F max(F a, F b) { return a > b ? a : b; }
  [[gnu::always_inline]] static I min(I a, I b) { return a < b ? a : b; }
  [[gnu::always_inline]] static I max(I a, I b) { return a > b ? a : b; }
  [[gnu::always_inline]] static F abs(F a) { return __builtin_fabsf(a); }
  [[gnu::always_inline]] static F neg(F a) { return -a; }
  [[gnu::always_inline]] static F sqrt(F a) { return __builtin_sqrtf(a); }
  [[gnu::always_inline]] static F floor(F a) { return __builtin_floorf(a); }
  [[gnu::always_inline]] static F ceil(F a) { return __builtin_ceilf(a); }
  [[gnu::always_inline]] static F nearbyint(F a) { return __builtin_nearbyintf(a); }
  [[gnu::always_inline]] static I nearbyint_as_int(F a) {
    return a >= -0x1p31F && a < 0x1p31F ? static_cast<I>(__builtin_lrintf(a)) : INT32_MIN;
  }
  [[gnu::always_inline]] static F to_float(I a) { return static_cast<float>(a); }

  [[gnu::always_inline]] static M lt(F a, F b) { return a < b; }
  [[gnu::always_inline]] static M le(F a, F b) { return a <= b; }
  [[gnu::always_inline]] static M gt(F a, F b) { return a > b; }
  [[gnu::always_inline]] static M ge(F a, F b) { return a >= b; }
  [[gnu::always_inline]] static M eq(F a, F b) { return a == b; }
  [[gnu::always_inline]] static M gt(I a, I b) { return a > b; }
  [[gnu::always_inline]] static M eq(I a, I b) { return a == b; }
  [[gnu::always_inline]] static F select(M m, F a, F b) { return m ? a : b; }
  [[gnu::always_inline]] static I select(M m, I a, I b) { return m ? a : b; }
  [[gnu::always_inline]] static M mask_and(M a, M b) { return a && b; }
  [[gnu::always_inline]] static M mask_or(M a, M b) { return a || b; }
  [[gnu::always_inline]] static M mask_not(M a) { return !a; }

  [[gnu::always_inline]] static I bit_and(I a, I b) { return wrap(bits(a) & bits(b)); }
  [[gnu::always_inline]] static I bit_or(I a, I b) { return wrap(bits(a) | bits(b)); }
  [[gnu::always_inline]] static I bit_xor(I a, I b) { return wrap(bits(a) ^ bits(b)); }
  [[gnu::always_inline]] static I bit_andnot(I a, I b) { return wrap(~bits(a) & bits(b)); }
  template <int n>
  [[gnu::always_inline]] static I shift_left(I a) {
    return wrap(bits(a) << n);
  }
  template <int n>
  [[gnu::always_inline]] static I shift_right(I a) {
    return wrap(bits(a) >> n);
  }
  template <int n>
  [[gnu::always_inline]] static I shift_right_signed(I a) {
    return a >> n;
  }
  [[gnu::always_inline]] static I as_int(F a) {
    I r;
    std::memcpy(&r, &a, sizeof r);
    return r;
  }
  [[gnu::always_inline]] static F as_float(I a) {
    F r;
    std::memcpy(&r, &a, sizeof r);
    return r;
  }

  [[gnu::always_inline]] static I load_bytes(const std::uint8_t* p) { return load_bytes_n(p, 4); }
  [[gnu::always_inline]] static I load_bytes_n(const std::uint8_t* p, int n) {
    std::uint8_t b[4] = {};
    copy_bytes(b, p, n);
    I r;
    std::memcpy(&r, b, sizeof r);
    return r;
  }
  [[gnu::always_inline]] static void store_bytes(std::uint8_t* p, I a) { store_bytes_n(p, a, 4); }
  [[gnu::always_inline]] static void store_bytes_n(std::uint8_t* p, I a, int n) {
    std::uint8_t b[4];
    std::memcpy(b, &a, sizeof b);
    copy_bytes(p, b, n);
  }
  [[gnu::always_inline]] static I drop_fourth_bytes(I v) { return wrap(bits(v) & 0xFFFFFFU); }
  [[gnu::always_inline]] static void interleave_three(I a, I b, I c, I (&out)[3]) {
    out[0] = a;
    out[1] = b;
    out[2] = c;
  }
  [[gnu::always_inline]] static I max_u8(I a, I b) {
    std::uint32_t r = 0;
    for (unsigned shift = 0; shift < 32; shift += 8) {
      const std::uint32_t x = bits(a) >> shift & 0xFFU;
      const std::uint32_t y = bits(b) >> shift & 0xFFU;
      r |= (x > y ? x : y) << shift;
    }
    return wrap(r);
  }
  [[gnu::always_inline]] static void transpose(I (&)[1]) {}

  [[gnu::always_inline]] static void pin(F&) {}
  [[gnu::always_inline]] static void pin(I&) {}
  [[gnu::always_inline]] static constexpr int interleaved_channel(int vector, int) { return vector; }
  [[gnu::always_inline]] static void interleave(I r0, I r1, I r2, I r3, I (&out)[4]) {
    for (int j = 0; j < 4; ++j) {
      const auto byte = [j](I r) { return (bits(r) >> (8 * j)) & 0xFFU; };
      out[j] = wrap(byte(r0) | byte(r1) << 8U | byte(r2) << 16U | byte(r3) << 24U);
    }
  }
  [[gnu::always_inline]] static I pack_interleaved(I a, I b, I c, I d, I zero_points) {
    return pack_u8x4(a, b, c, d, zero_points);
  }

  using Q = std::uint32_t;
  struct W {
    std::int8_t w[4];
  };
  static constexpr std::size_t weight_bytes = 4;
  [[gnu::always_inline]] static Q broadcast_quad(const std::uint8_t* p) { return load_quads(p); }
  [[gnu::always_inline]] static Q load_quads(const std::uint8_t* p) {
    Q q;
    std::memcpy(&q, p, sizeof q);
    return q;
  }
  [[gnu::always_inline]] static Q quads_of(I a) { return bits(a); }
  [[gnu::always_inline]] static W load_weights(const void* p) {
    W w;
    std::memcpy(&w, p, sizeof w);
    return w;
  }
  [[gnu::always_inline]] static void put_weight(void* p, int lane, int j, std::int8_t w) {
    static_cast<std::int8_t*>(p)[lane * 4 + j] = w;
  }
  [[gnu::always_inline]] static I dot4(I acc, Q q, W w) {
    std::uint8_t a[4];
    std::memcpy(a, &q, sizeof a);
    return add(acc, a[0] * w.w[0] + a[1] * w.w[1] + a[2] * w.w[2] + a[3] * w.w[3]);
  }

 private:
  [[gnu::always_inline]] static std::uint32_t bits(I a) { return static_cast<std::uint32_t>(a); }
  [[gnu::always_inline]] static void copy_bytes(std::uint8_t* to, const std::uint8_t* from, int n) {
    for (int i = 0; i < n && i < 4; ++i) {
      to[i] = from[i];
    }
  }
  [[gnu::always_inline]] static I wrap(std::uint32_t a) { return static_cast<I>(a); }
};

template <>
struct Simd<Scalar> : SimdScalar<Scalar> {};

}  // namespace refcalib::engine::kernels
