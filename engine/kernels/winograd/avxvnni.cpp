#include "engine/kernels/winograd/integer_winograd-inl.h"
#include "engine/kernels/winograd/winograd-inl.h"

namespace refcalib::engine::kernels {
namespace {

// 16 registers: up to 12 sums, 2 weights, 1 activation.
using IntegerProducts = WinogradProducts<PairStep<AvxVnni>, 8, 6>;

}  // namespace

extern const ConvKernel winograd4_u8s8_avxvnni;
constinit const ConvKernel winograd4_u8s8_avxvnni =
    Winograd<IntegerWinograd<AvxVnni>, IntegerProducts>::kernel("winograd_u8s8/avxvnni/4x4", Isa::avxvnni);

}  // namespace refcalib::engine::kernels
