#include "engine/kernels/peak/peak-inl.h"

namespace refcalib::engine::kernels {

extern const PeakKernel peak_avxvnni;
constinit const PeakKernel peak_avxvnni = Peak<AvxVnni, 6, 2, 2>::kernel();

}  // namespace refcalib::engine::kernels
