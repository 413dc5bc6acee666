#include "engine/kernels/lrn/lrn-inl.h"

namespace refcalib::engine::kernels {

extern const LrnKernels lrn_avx2;
constinit const LrnKernels lrn_avx2 = make_lrn_kernels<Avx2>("lrn/avx2", Isa::avx2);

}  // namespace refcalib::engine::kernels
