#pragma once

#include <algorithm>

#include "engine/evaluation/sample.h"

namespace refcalib::engine {

/// Area of a box; `boundary` 1: a box of pixels that holds its last row and column.
inline double box_area(const Box& box, double boundary) noexcept {
  return std::max(0.0, box.x2 - box.x1 + boundary) * std::max(0.0, box.y2 - box.y1 + boundary);
}

inline double box_intersection(const Box& a, const Box& b, double boundary) noexcept {
  return box_area({std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)},
                  boundary);
}

/// Intersection over union; 0 if both are empty.
inline double box_iou(const Box& a, const Box& b, double boundary) noexcept {
  const double common = box_intersection(a, b, boundary);
  const double both = box_area(a, boundary) + box_area(b, boundary) - common;
  return both > 0 ? common / both : 0.0;
}

/// Intersection over the area of `a`; 0 if that is empty.
inline double box_ioa(const Box& a, const Box& b, double boundary) noexcept {
  const double area = box_area(a, boundary);
  return area > 0 ? box_intersection(a, b, boundary) / area : 0.0;
}

}  // namespace refcalib::engine
