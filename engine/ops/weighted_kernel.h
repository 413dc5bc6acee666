#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/cpu/isa.h"
#include "engine/kernels/conv/conv.h"
#include "engine/ops/weight_elements.h"
#include "engine/ops/weighted.h"

namespace refcalib::engine {

/// The weights of a part's taps, [out][in/groups][tap], from those of the whole.
template <class T>
Elements<T> part_weights(std::span<const T> whole, std::int64_t area, const WeightedPart& part) {
  if (part.empty)
    return Elements<T>(std::vector<T>(static_cast<std::size_t>(part.geometry.out_channels), T{}));
  if (part.taps.empty()) return Elements<T>(whole);
  const auto positions = static_cast<std::size_t>(area), count = whole.size() / positions;
  std::vector<T> weights;
  weights.reserve(count * part.taps.size());
  for (std::size_t i = 0; i < count; ++i)
    for (const std::int64_t tap : part.taps)
      weights.push_back(whole[i * positions + static_cast<std::size_t>(tap)]);
  return Elements<T>(std::move(weights));
}

/// The fastest kernel for a convolution of floats; `exact`: among those that sum directly. Throws UnsupportedError if none accepts it.
const kernels::ConvKernel* float_kernel(const kernels::ConvGeometry& geometry, bool exact, Isa isa);

/// The fastest kernel for a part of u8 times s8: for some it depends on the weights whether their numbers suffice. Throws as above.
const kernels::ConvKernel* integer_kernel(const WeightedPlan& plan, const WeightedPart& part,
                                          const kernels::ConvGeometry& geometry, Isa isa);

}  // namespace refcalib::engine
