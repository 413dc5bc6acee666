#include "engine/kernels/pool/pool-inl.h"

namespace refcalib::engine::kernels {

extern const PoolKernels pool_avx512;
constinit const PoolKernels pool_avx512 = make_pool_kernels<Avx512>("pool/avx512", Isa::avx512);

}  // namespace refcalib::engine::kernels
