#include "engine/kernels/convert/convert-inl.h"

namespace refcalib::engine::kernels {

extern const ConvertKernels convert_avx2;
constinit const ConvertKernels convert_avx2 = make_convert_kernels<Avx2>("convert/avx2", Isa::avx2);

}  // namespace refcalib::engine::kernels
