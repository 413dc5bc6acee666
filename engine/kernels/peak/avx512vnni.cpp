#include "engine/kernels/peak/peak-inl.h"

namespace refcalib::engine::kernels {

extern const PeakKernel peak_avx512vnni;
constinit const PeakKernel peak_avx512vnni = Peak<Avx512Vnni, 6, 4, 4>::kernel();

}  // namespace refcalib::engine::kernels
