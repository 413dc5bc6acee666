#include "engine/evaluation/random_input.h"

namespace refcalib::engine {
namespace {

constexpr std::uint64_t kGamma = 0x9E3779B97F4A7C15ULL;

std::uint64_t mix(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

}  // namespace

float random_input(std::uint64_t seed, std::uint64_t input, std::uint64_t element) noexcept {
  const std::uint64_t stream = mix(mix(seed + kGamma) + (input + 1) * kGamma);
  const std::uint64_t bits = mix(stream + (element + 1) * kGamma) >> 40U;
  return static_cast<float>(bits) * 0x1p-23F - 1.0F;
}

}  // namespace refcalib::engine
