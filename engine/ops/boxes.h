#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace refcalib::engine {

/// A box by two corners.
struct Box {
  float x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};

/// (x2 - x1 + extent)(y2 - y1 + extent). `extent` is 0, or 1 where corners are pixels that belong to the box.
inline float area_of(const Box& b, float extent) noexcept {
  return (b.x2 - b.x1 + extent) * (b.y2 - b.y1 + extent);
}

/// Intersection over union of two boxes with known areas; 0 unless they overlap in both directions.
inline float overlap(const Box& a, float area_a, const Box& b, float area_b, float extent) noexcept {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1) + extent;
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1) + extent;
  const float common = width * height;
  const float ratio = common / (area_a + area_b - common);
  return (static_cast<int>(width > 0) & static_cast<int>(height > 0)) != 0 ? ratio : 0.0F;
}

/// Boxes column by column, so that plain loops compare one box with several at a time.
struct BoxColumns {
  float *x1 = nullptr, *y1 = nullptr, *x2 = nullptr, *y2 = nullptr, *area = nullptr;

  static constexpr std::size_t kColumns = 5;
  /// Columns of `capacity` boxes in memory for kColumns * capacity floats.
  static BoxColumns in(float* memory, std::int64_t capacity) noexcept {
    return {memory, memory + capacity, memory + 2 * capacity, memory + 3 * capacity, memory + 4 * capacity};
  }
  Box box(std::int64_t i) const noexcept { return {x1[i], y1[i], x2[i], y2[i]}; }
  void set(std::int64_t i, const Box& b, float box_area) const noexcept {
    x1[i] = b.x1, y1[i] = b.y1, x2[i] = b.x2, y2[i] = b.y2, area[i] = box_area;
  }
};

/// True if the box overlaps one of the first `count` boxes by more than `threshold`.
bool overlaps_any(const BoxColumns& columns, std::int64_t count, const Box& box, float area, float threshold,
                  float extent) noexcept;

/// A box by its score and its place in the list that it comes from.
struct Candidate {
  float score = 0;
  std::int32_t index = 0;
};

/// Best score first, of equal scores the lower index. Scores must not be NaN.
inline bool better(const Candidate& a, const Candidate& b) noexcept {
  return a.score != b.score ? a.score > b.score : a.index < b.index;
}

/// Sorts the best `most` of `count` candidates to the front (all if `most` is negative); returns how many those
/// are. In place: neither allocates nor depends on anything but the candidates.
std::int64_t keep_best(Candidate* candidates, std::int64_t count, std::int64_t most) noexcept;

}  // namespace refcalib::engine
