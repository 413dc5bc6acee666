#include "engine/kernels/resize/resize-inl.h"

namespace refcalib::engine::kernels {

extern const ResizeKernels resize_avx512;
constinit const ResizeKernels resize_avx512 = make_resize_kernels<Avx512>("resize/avx512", Isa::avx512);

}  // namespace refcalib::engine::kernels
