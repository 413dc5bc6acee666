#include "engine/ops/boxes.h"

namespace refcalib::engine {

bool overlaps_any(const BoxColumns& columns, std::int64_t count, const Box& box, float area, float threshold,
                  float extent) noexcept {
  // Blocks end the search early and still leave the compiler whole vectors.
  constexpr std::int64_t kBlock = 16;
  const auto above = [&](std::int64_t i) {
    return static_cast<int>(overlap(box, area, columns.box(i), columns.area[i], extent) > threshold);
  };
  std::int64_t i = 0;
  for (; i + kBlock <= count; i += kBlock) {
    int any = 0;
    for (std::int64_t k = 0; k < kBlock; ++k) any |= above(i + k);
    if (any != 0) return true;
  }
  for (; i < count; ++i)
    if (above(i) != 0) return true;
  return false;
}

std::int64_t keep_best(Candidate* candidates, std::int64_t count, std::int64_t most) noexcept {
  Candidate* end = candidates + count;
  if (most >= 0 && most < count) {
    std::nth_element(candidates, candidates + most, end, better);
    end = candidates + most;
  }
  std::sort(candidates, end, better);
  return end - candidates;
}

}  // namespace refcalib::engine
