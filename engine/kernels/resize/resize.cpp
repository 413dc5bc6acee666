#include "engine/kernels/resize/resize.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const ResizeKernels resize_##isa;
#include "engine/kernels/resize/kernels.def"
#undef REFCALIB_KERNELS

std::span<const ResizeKernels> resize_kernels() noexcept {
  static const ResizeKernels table[] = {
#define REFCALIB_KERNELS(isa) resize_##isa,
#include "engine/kernels/resize/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

}  // namespace refcalib::engine::kernels
