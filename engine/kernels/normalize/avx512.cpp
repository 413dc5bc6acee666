#include "engine/kernels/normalize/normalize-inl.h"

namespace refcalib::engine::kernels {

extern const NormalizeKernels normalize_avx512;
constinit const NormalizeKernels normalize_avx512 =
    make_normalize_kernels<Avx512>("normalize/avx512", Isa::avx512);

}  // namespace refcalib::engine::kernels
