#include "engine/kernels/layout/layout-inl.h"

namespace refcalib::engine::kernels {

extern const LayoutKernels layout_avx512;
constinit const LayoutKernels layout_avx512 = make_layout_kernels<Avx512>("layout/avx512", Isa::avx512);

}  // namespace refcalib::engine::kernels
