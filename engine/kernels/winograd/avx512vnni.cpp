#include "engine/kernels/winograd/integer_winograd-inl.h"
#include "engine/kernels/winograd/winograd-inl.h"

namespace refcalib::engine::kernels {
namespace {

// 32 registers: 24 sums, up to 4 weights, 1 activation.
using IntegerProducts = WinogradProducts<PairStep<Avx512Vnni>, 12, 12, 8, 6>;

}  // namespace

extern const ConvKernel winograd4_u8s8_avx512vnni;
constinit const ConvKernel winograd4_u8s8_avx512vnni =
    Winograd<IntegerWinograd<Avx512Vnni>, IntegerProducts>::kernel("winograd_u8s8/avx512vnni/4x4",
                                                                   Isa::avx512vnni);

}  // namespace refcalib::engine::kernels
