#include "engine/kernels/reduce/reduce-inl.h"

namespace refcalib::engine::kernels {

extern const ReduceKernels reduce_avx512;
constinit const ReduceKernels reduce_avx512 = make_reduce_kernels<Avx512>("reduce/avx512", Isa::avx512);

}  // namespace refcalib::engine::kernels
