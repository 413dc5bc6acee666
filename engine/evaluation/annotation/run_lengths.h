#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib::engine {

/// A region of a picture as COCO writes it: column by column from the left, each from the top, how many places lie outside, then
/// inside, then outside … (the run-length encoding of COCO's mask API, github.com/cocodataset/cocoapi, common/maskApi.h).
struct RunLengths {
  int height = 0, width = 0;
  std::vector<std::uint32_t> counts;  ///< the first is of places outside; their sum is height * width

  /// The compressed form: each count, from the third on its difference to the last but one, in groups of five bits, lowest first.
  std::string text() const;
  /// Throws FormatError for what no count can be, and for counts that do not sum up to the picture.
  static RunLengths from_text(std::string_view text, int height, int width);
  static RunLengths from_counts(std::vector<std::uint32_t> counts, int height, int width);
  /// The inside of a polygon x1, y1, x2, y2 … in pixels, by the rules of the mask API: corners on a grid of a fifth of a pixel, a place
  /// is inside if its middle is. Throws FormatError for fewer than three corners, an odd number of coordinates, or a
  /// coordinate beyond a million.
  static RunLengths from_polygon(std::span<const double> corners, int height, int width);

  /// Calls `inside(first, count)` for every run of places inside, by number in the order of columns.
  template <class F>
  void for_each_run(const F& inside) const {
    std::uint32_t at = 0;
    for (std::size_t i = 0; i < counts.size(); at += counts[i++])
      if (i % 2 == 1 && counts[i] > 0) inside(at, counts[i]);
  }
};

/// The places that lie in any of the regions, which are of the same picture. At least one region.
RunLengths merged(std::span<const RunLengths> regions);

}  // namespace refcalib::engine
