#include "engine/calibration/histogram_isa.h"

namespace refcalib::engine {

refcalib::detail::HistogramKernel histogram_kernel_avx512() noexcept {
  return refcalib::detail::histogram_kernel<xsimd::avx512bw>();
}

}  // namespace refcalib::engine
