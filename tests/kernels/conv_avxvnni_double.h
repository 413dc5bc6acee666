#pragma once

#include <span>
#include <vector>

#include "engine/kernels/conv/conv.h"

namespace refcalib::engine::kernels {

#if defined(__x86_64__)
extern const ConvKernel conv_u8s8_avxvnni_double;
extern const ConvKernel dwconv_u8s8_avxvnni_double;
#endif

}  // namespace refcalib::engine::kernels

namespace refcalib_test {

/// A table, and the double of its avxvnni row where there is one.
inline std::vector<refcalib::engine::kernels::ConvKernel> with_double(
    std::span<const refcalib::engine::kernels::ConvKernel> table, [[maybe_unused]] bool depthwise) {
  std::vector<refcalib::engine::kernels::ConvKernel> rows(table.begin(), table.end());
#if defined(__x86_64__)
  rows.push_back(depthwise ? refcalib::engine::kernels::dwconv_u8s8_avxvnni_double
                           : refcalib::engine::kernels::conv_u8s8_avxvnni_double);
#endif
  return rows;
}

}  // namespace refcalib_test
