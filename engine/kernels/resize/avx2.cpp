#include "engine/kernels/resize/resize-inl.h"

namespace refcalib::engine::kernels {

extern const ResizeKernels resize_avx2;
constinit const ResizeKernels resize_avx2 = make_resize_kernels<Avx2>("resize/avx2", Isa::avx2);

}  // namespace refcalib::engine::kernels
