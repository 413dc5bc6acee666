#include "engine/kernels/matmul/matmul.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const MatMulKernel matmul_##isa;
#include "engine/kernels/matmul/kernels.def"
#undef REFCALIB_KERNELS

std::span<const MatMulKernel> matmul_kernels() noexcept {
  static const MatMulKernel table[] = {
#define REFCALIB_KERNELS(isa) matmul_##isa,
#include "engine/kernels/matmul/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

}  // namespace refcalib::engine::kernels
