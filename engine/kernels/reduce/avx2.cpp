#include "engine/kernels/reduce/reduce-inl.h"

namespace refcalib::engine::kernels {

extern const ReduceKernels reduce_avx2;
constinit const ReduceKernels reduce_avx2 = make_reduce_kernels<Avx2>("reduce/avx2", Isa::avx2);

}  // namespace refcalib::engine::kernels
