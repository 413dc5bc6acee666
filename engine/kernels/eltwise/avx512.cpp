#include "engine/kernels/eltwise/eltwise-inl.h"

namespace refcalib::engine::kernels {

extern const EltwiseKernels eltwise_avx512;
constinit const EltwiseKernels eltwise_avx512 = make_eltwise_kernels<Avx512>("eltwise/avx512", Isa::avx512);

}  // namespace refcalib::engine::kernels
