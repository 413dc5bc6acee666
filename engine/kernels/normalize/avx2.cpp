#include "engine/kernels/normalize/normalize-inl.h"

namespace refcalib::engine::kernels {

extern const NormalizeKernels normalize_avx2;
constinit const NormalizeKernels normalize_avx2 = make_normalize_kernels<Avx2>("normalize/avx2", Isa::avx2);

}  // namespace refcalib::engine::kernels
