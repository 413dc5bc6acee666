#include "engine/kernels/lrn/lrn.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const LrnKernels lrn_##isa;
#include "engine/kernels/lrn/kernels.def"
#undef REFCALIB_KERNELS

std::span<const LrnKernels> lrn_kernels() noexcept {
  static const LrnKernels table[] = {
#define REFCALIB_KERNELS(isa) lrn_##isa,
#include "engine/kernels/lrn/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

}  // namespace refcalib::engine::kernels
