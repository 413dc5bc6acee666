#include "engine/kernels/reduce/reduce.h"

#include "engine/kernels/inner_units.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const ReduceKernels reduce_##isa;
#include "engine/kernels/reduce/kernels.def"
#undef REFCALIB_KERNELS

std::span<const ReduceKernels> reduce_kernels() noexcept {
  static const ReduceKernels table[] = {
#define REFCALIB_KERNELS(isa) reduce_##isa,
#include "engine/kernels/reduce/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

std::int64_t work_items(const ReduceArgs& args) noexcept {
  return inner_units(args.outer, args.inner);
}

}  // namespace refcalib::engine::kernels
