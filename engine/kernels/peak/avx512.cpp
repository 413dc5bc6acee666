#include "engine/kernels/peak/peak-inl.h"

namespace refcalib::engine::kernels {

extern const PeakKernel peak_avx512;
constinit const PeakKernel peak_avx512 = Peak<Avx512, 6, 4, 4, PairProduct<Avx512>>::kernel();

}  // namespace refcalib::engine::kernels
