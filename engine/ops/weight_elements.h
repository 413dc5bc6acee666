#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/graph/constant.h"
#include "engine/graph/quantization.h"

namespace refcalib::engine {

/// Elements that lie where they were found, or in memory of their own.
template <class T>
struct Elements {
  std::vector<T> own;
  std::span<const T> view;

  explicit Elements(std::vector<T> values) : own(std::move(values)), view(own) {}
  explicit Elements(std::span<const T> found) : view(found) {}
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;
};

/// Weights as floats, in the order of the constant, which must outlive the result: those of a mapped file where they lie, if they are
/// aligned.
Elements<float> float_weights(const Constant& weights);

/// Weights as s8 by the rule of the toolkit: round_half_even(w * (1 / scale)), clamped; `channels` of them, outermost, may have scales of
/// their own. Integers of a file are taken as they lie if the scales are those of the file. The constant must outlive the result.
Elements<std::int8_t> integer_weights(const Constant& weights, const Quantization& q, std::size_t channels);

}  // namespace refcalib::engine
