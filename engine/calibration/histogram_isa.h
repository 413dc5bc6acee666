#pragma once

#include <refcalib/detail/histogram_kernel.hpp>

namespace refcalib::engine {

/// The toolkit's histogram loops, each compiled with the flags of one instruction set.
refcalib::detail::HistogramKernel histogram_kernel_portable() noexcept;
refcalib::detail::HistogramKernel histogram_kernel_avx2() noexcept;
refcalib::detail::HistogramKernel histogram_kernel_avx512() noexcept;

}  // namespace refcalib::engine
