#include "engine/kernels/lrn/lrn-inl.h"

namespace refcalib::engine::kernels {

extern const LrnKernels lrn_avx512;
constinit const LrnKernels lrn_avx512 = make_lrn_kernels<Avx512>("lrn/avx512", Isa::avx512);

}  // namespace refcalib::engine::kernels
