#include "engine/ops/weighted_kernel.h"

#include "engine/core/error.h"
#include "engine/kernels/gconv/gconv.h"
#include "engine/kernels/winograd/winograd.h"

namespace refcalib::engine {

using kernels::ConvKernel;

const ConvKernel* float_kernel(const kernels::ConvGeometry& geometry, bool exact, Isa isa) {
  if (!exact)
    if (const ConvKernel* kernel = kernels::select(kernels::winograd_f32_kernels(), geometry, isa))
      return kernel;
  // From the most special to the most general.
  for (const auto& table :
       {kernels::dwconv_f32_kernels(), kernels::gconv_f32_kernels(), kernels::conv_f32_kernels()})
    if (const ConvKernel* kernel = kernels::select(table, geometry, isa)) return kernel;
  throw UnsupportedError("no kernel accepts this convolution");
}

const ConvKernel* integer_kernel(const WeightedPlan& plan, const WeightedPart& part,
                                 const kernels::ConvGeometry& geometry, Isa isa) {
  if (const ConvKernel* kernel = kernels::winograd_u8s8_kernel(geometry, isa)) {
    const Elements<std::int8_t> all = integer_weights(plan.weights, *plan.weight_quantization,
                                                      static_cast<std::size_t>(plan.out_channels()));
    const Elements<std::int8_t> weights = part_weights(all.view, plan.kernel_area, part);
    if (kernel->admits(geometry, weights.view.data())) return kernel;
  }
  for (const auto& table :
       {kernels::dwconv_u8s8_kernels(), kernels::gconv_u8s8_kernels(), kernels::conv_u8s8_kernels()})
    if (const ConvKernel* kernel = kernels::select(table, geometry, isa)) return kernel;
  throw UnsupportedError("no kernel accepts this convolution");
}

}  // namespace refcalib::engine
