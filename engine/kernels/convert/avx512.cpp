#include "engine/kernels/convert/convert-inl.h"

namespace refcalib::engine::kernels {

extern const ConvertKernels convert_avx512;
constinit const ConvertKernels convert_avx512 = make_convert_kernels<Avx512>("convert/avx512", Isa::avx512);

}  // namespace refcalib::engine::kernels
