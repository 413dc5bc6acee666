#include "engine/kernels/softmax/softmax.h"

#include "engine/kernels/inner_units.h"

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

std::int64_t work_items(const SoftmaxArgs& args) noexcept {
  return inner_units(args.outer, args.inner);
}

}  // namespace refcalib::engine::kernels
