#include "engine/kernels/softmax/softmax-inl.h"

namespace refcalib::engine::kernels {

extern const SoftmaxKernels softmax_avx512;
constinit const SoftmaxKernels softmax_avx512 = make_softmax_kernels<Avx512>("softmax/avx512", Isa::avx512);

}  // namespace refcalib::engine::kernels
