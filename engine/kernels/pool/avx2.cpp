#include "engine/kernels/pool/pool-inl.h"

namespace refcalib::engine::kernels {

extern const PoolKernels pool_avx2;
constinit const PoolKernels pool_avx2 = make_pool_kernels<Avx2>("pool/avx2", Isa::avx2);

}  // namespace refcalib::engine::kernels
