#include "engine/kernels/eltwise/eltwise.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const EltwiseKernels eltwise_##isa;
#include "engine/kernels/eltwise/kernels.def"
#undef REFCALIB_KERNELS

std::span<const EltwiseKernels> eltwise_kernels() noexcept {
  static const EltwiseKernels table[] = {
#define REFCALIB_KERNELS(isa) eltwise_##isa,
#include "engine/kernels/eltwise/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

}  // namespace refcalib::engine::kernels
