#include "engine/kernels/layout/layout-inl.h"

namespace refcalib::engine::kernels {

extern const LayoutKernels layout_avx2;
constinit const LayoutKernels layout_avx2 = make_layout_kernels<Avx2>("layout/avx2", Isa::avx2);

}  // namespace refcalib::engine::kernels
