#include "engine/calibration/histogram_isa.h"

namespace refcalib::engine {

refcalib::detail::HistogramKernel histogram_kernel_portable() noexcept {
  return refcalib::detail::histogram_kernel<DefaultArch>();
}

}  // namespace refcalib::engine
