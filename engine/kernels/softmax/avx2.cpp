#include "engine/kernels/softmax/softmax-inl.h"

namespace refcalib::engine::kernels {

extern const SoftmaxKernels softmax_avx2;
constinit const SoftmaxKernels softmax_avx2 = make_softmax_kernels<Avx2>("softmax/avx2", Isa::avx2);

}  // namespace refcalib::engine::kernels
