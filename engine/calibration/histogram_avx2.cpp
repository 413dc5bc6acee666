#include "engine/calibration/histogram_isa.h"

namespace refcalib::engine {

refcalib::detail::HistogramKernel histogram_kernel_avx2() noexcept {
  return refcalib::detail::histogram_kernel<xsimd::avx2>();
}

}  // namespace refcalib::engine
