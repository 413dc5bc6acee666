#include "engine/kernels/normalize/normalize.h"

#include "engine/kernels/inner_units.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const NormalizeKernels normalize_##isa;
#include "engine/kernels/normalize/kernels.def"
#undef REFCALIB_KERNELS

std::span<const NormalizeKernels> normalize_kernels() noexcept {
  static const NormalizeKernels table[] = {
#define REFCALIB_KERNELS(isa) normalize_##isa,
#include "engine/kernels/normalize/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

std::int64_t work_items(const NormalizeArgs& args) noexcept {
  return inner_units(args.outer, args.inner);
}

}  // namespace refcalib::engine::kernels
