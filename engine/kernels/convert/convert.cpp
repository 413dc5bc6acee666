#include "engine/kernels/convert/convert.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const ConvertKernels convert_##isa;
#include "engine/kernels/convert/kernels.def"
#undef REFCALIB_KERNELS

std::span<const ConvertKernels> convert_kernels() noexcept {
  static const ConvertKernels table[] = {
#define REFCALIB_KERNELS(isa) convert_##isa,
#include "engine/kernels/convert/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

}  // namespace refcalib::engine::kernels
