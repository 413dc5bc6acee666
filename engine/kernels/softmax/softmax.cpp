#include "engine/kernels/softmax/softmax.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const SoftmaxKernels softmax_##isa;
#include "engine/kernels/softmax/kernels.def"
#undef REFCALIB_KERNELS

std::span<const SoftmaxKernels> softmax_kernels() noexcept {
  static const SoftmaxKernels table[] = {
#define REFCALIB_KERNELS(isa) softmax_##isa,
#include "engine/kernels/softmax/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

}  // namespace refcalib::engine::kernels
