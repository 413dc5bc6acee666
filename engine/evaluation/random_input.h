#pragma once

#include <cstdint>

namespace refcalib::engine {

/// Element `element` of network input `input` for a seed: uniform in [-1, 1), a multiple of 2^-23.
/// Counter-based: each element is a function of its three numbers alone, so neither order nor threads matter.
/// The finalizer is that of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
/// 2014).
float random_input(std::uint64_t seed, std::uint64_t input, std::uint64_t element) noexcept;

}  // namespace refcalib::engine
