#pragma once

#include <cstdint>

namespace refcalib::engine {

/// Where products are summed in pairs in int16: how the weights of a convolution came into pairs that cannot saturate, counted in
/// activations met by panels (conv/steps-inl.h).
struct PairProof {
  std::int64_t in_place = 0;   ///< safe with their neighbours
  std::int64_t reordered = 0;  ///< safe in another order
  std::int64_t alone = 0;      ///< safe only without a partner

  std::int64_t all() const noexcept { return in_place + reordered + alone; }
};

}  // namespace refcalib::engine
