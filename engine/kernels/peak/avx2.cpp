#include "engine/kernels/peak/peak-inl.h"

namespace refcalib::engine::kernels {

extern const PeakKernel peak_avx2;
constinit const PeakKernel peak_avx2 = Peak<Avx2, 6, 2, 2, PairProduct<Avx2>>::kernel();

}  // namespace refcalib::engine::kernels
