#pragma once

#include <cstddef>
#include <cstdint>
#include <refcalib/refcalib.hpp>
#include <span>
#include <string_view>

/// The SIMD forms of the toolkit as plain function pointers, one record per instruction set: isa_forms.cpp is
/// compiled once for each, with its flags. Tests and benchmarks loop over the records that the processor can
/// run.
namespace refcalib_test {

/// The forms that exist once per storage type.
template <class T>
struct TypedForms {
  void (*quantize)(std::span<const float>, std::span<T>, const refcalib::QuantParams&);
  void (*dequantize)(std::span<const T>, std::span<float>, const refcalib::QuantParams&);
  void (*requantize)(std::span<const std::int32_t>, std::span<T>, float, const refcalib::OutputCode&);
  void (*requantize_channels)(std::span<const std::int32_t>, std::span<T>, std::span<const float>,
                              const refcalib::OutputCode&);
  void (*requantize_fixed)(std::span<const std::int32_t>, std::span<T>, const refcalib::FixedMultiplier&,
                           const refcalib::OutputCode&);
};

struct IsaForms {
  std::string_view name;
  std::size_t lanes;  ///< floats per register: proves which architecture the record was compiled for
  TypedForms<std::int8_t> i8;
  TypedForms<std::uint8_t> u8;
  TypedForms<std::int16_t> i16;
  TypedForms<std::uint16_t> u16;
  void (*fake_quantize)(std::span<const float>, std::span<float>, const refcalib::QuantParams&);
  void (*min_max)(refcalib::MinMaxObserver&, std::span<const float>);
  void (*channels_planar)(refcalib::ChannelMinMaxObserver&, std::span<const float>, std::size_t outer,
                          std::size_t inner);
  void (*channels_last)(refcalib::ChannelMinMaxObserver&, const float*, std::size_t pixels,
                        std::size_t stride);
  refcalib::HistogramKernel histogram;
  double (*sqnr_db)(std::span<const float>, std::span<const float>);
  double (*cosine)(std::span<const float>, std::span<const float>);
  double (*nrmsd)(std::span<const float>, std::span<const float>);
  double (*max_abs_error)(std::span<const float>, std::span<const float>);

  template <class T>
  const TypedForms<T>& typed() const {
    if constexpr (sizeof(T) == 1) {
      if constexpr (T(-1) < T(0)) {
        return i8;
      } else {
        return u8;
      }
    } else if constexpr (T(-1) < T(0)) {
      return i16;
    } else {
      return u16;
    }
  }
};

/// The records that this processor can run, weakest first; at least one.
std::span<const IsaForms> available_isa_forms();

}  // namespace refcalib_test
