#include "tests/toolkit/isa_forms.h"

// Compiled once per instruction set with REFCALIB_TOOLKIT_ISA set to its name.

namespace refcalib_test {

namespace {

using Arch = refcalib::DefaultArch;

template <class T>
constexpr TypedForms<T> typed_forms() {
  return {&refcalib::quantize<T, Arch>, &refcalib::dequantize<T, Arch>, &refcalib::requantize<T, Arch>,
          &refcalib::requantize<T, Arch>, &refcalib::requantize<T, Arch>};
}

}  // namespace

IsaForms REFCALIB_TOOLKIT_FORMS() {
  return {REFCALIB_TOOLKIT_ISA,
          refcalib::detail::kLanes<Arch>,
          typed_forms<std::int8_t>(),
          typed_forms<std::uint8_t>(),
          typed_forms<std::int16_t>(),
          typed_forms<std::uint16_t>(),
          &refcalib::fake_quantize<Arch>,
          [](refcalib::MinMaxObserver& o, std::span<const float> x) { o.update<Arch>(x); },
          [](refcalib::ChannelMinMaxObserver& o, std::span<const float> x, std::size_t outer,
             std::size_t inner) { o.update_planar<Arch>(x, outer, inner); },
          [](refcalib::ChannelMinMaxObserver& o, const float* x, std::size_t pixels, std::size_t stride) {
            o.update_channels_last<Arch>(x, pixels, stride);
          },
          refcalib::histogram_kernel<Arch>(),
          &refcalib::sqnr_db<Arch>,
          &refcalib::cosine<Arch>,
          &refcalib::nrmsd<Arch>,
          &refcalib::max_abs_error<Arch>};
}

}  // namespace refcalib_test
