#include "engine/kernels/eltwise/eltwise-inl.h"

namespace refcalib::engine::kernels {

extern const EltwiseKernels eltwise_avx2;
constinit const EltwiseKernels eltwise_avx2 = make_eltwise_kernels<Avx2>("eltwise/avx2", Isa::avx2);

}  // namespace refcalib::engine::kernels
