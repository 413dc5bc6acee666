#include "bench/peers/onednn.h"

namespace refcalib_bench {

std::string onednn_version() {
  return {};
}

std::unique_ptr<PeerLayer> onednn_convolution(const refcalib::engine::kernels::ConvGeometry&, bool, bool) {
  return nullptr;
}

}  // namespace refcalib_bench
