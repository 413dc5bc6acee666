#include "engine/evaluation/annotation/run_lengths.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

constexpr int kGroupBits = 5;
constexpr std::int64_t kGroup = 0x1F, kMore = 0x20, kNegative = 0x10;
constexpr char kFirst = '0';
constexpr int kGrid = 5;  ///< steps of a pixel that corners of polygons are rounded to
constexpr double kLargest = 1e6;

std::uint32_t area(int height, int width) {
  return static_cast<std::uint32_t>(height) * static_cast<std::uint32_t>(width);
}

/// From where an inside begins or ends, in any order; two at the same place cancel each other.
RunLengths from_borders(std::vector<std::uint32_t> borders, int height, int width) {
  std::sort(borders.begin(), borders.end());
  RunLengths runs{height, width, {}};
  std::uint32_t last = 0;
  for (std::size_t i = 0; i < borders.size(); ++i) {
    if (i + 1 < borders.size() && borders[i] == borders[i + 1]) {
      ++i;
      continue;
    }
    runs.counts.push_back(borders[i] - last);
    last = borders[i];
  }
  if (last < area(height, width) || runs.counts.empty()) runs.counts.push_back(area(height, width) - last);
  return runs;
}

struct Point {
  int x = 0, y = 0;
};

/// The points of the grid along an edge, in its direction.
void add_edge(Point from, Point to, std::vector<Point>& into) {
  const int dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
  const bool flat = dx >= dy;
  // Computed from the left (from the top for steep edges), so that an edge has the same points in both directions.
  const bool flip = flat ? from.x > to.x : from.y > to.y;
  const Point start = flip ? to : from, end = flip ? from : to;
  const int steps = flat ? dx : dy;
  const double slope = steps == 0 ? 0.0
                       : flat     ? static_cast<double>(end.y - start.y) / dx
                                  : static_cast<double>(end.x - start.x) / dy;
  for (int i = 0; i <= steps; ++i) {
    const int t = flip ? steps - i : i;
    if (flat)
      into.push_back({start.x + t, static_cast<int>(start.y + slope * t + 0.5)});
    else
      into.push_back({static_cast<int>(start.x + slope * t + 0.5), start.y + t});
  }
}

}  // namespace

std::string RunLengths::text() const {
  std::string out;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    std::int64_t value = counts[i];
    if (i > 2) value -= counts[i - 2];
    for (bool more = true; more;) {
      std::int64_t group = value & kGroup;
      value >>= kGroupBits;
      more = (group & kNegative) != 0 ? value != -1 : value != 0;
      if (more) group |= kMore;
      out += static_cast<char>(kFirst + group);
    }
  }
  return out;
}

RunLengths RunLengths::from_text(std::string_view text, int height, int width) {
  std::vector<std::uint32_t> counts;
  for (std::size_t at = 0; at < text.size();) {
    std::int64_t value = 0;
    int shift = 0;
    for (bool more = true; more; shift += kGroupBits) {
      if (at == text.size() || shift > 30) throw FormatError("run lengths end within a number");
      const std::int64_t group = static_cast<unsigned char>(text[at++]) - kFirst;
      if (group < 0 || group > (kGroup | kMore)) throw FormatError("run lengths hold a wrong character");
      value |= (group & kGroup) << shift;
      more = (group & kMore) != 0;
      if (!more && (group & kNegative) != 0) value |= -(std::int64_t{1} << (shift + kGroupBits));
    }
    if (counts.size() > 2) value += counts[counts.size() - 2];
    if (value < 0 || value > area(height, width)) throw FormatError("run lengths do not fit the picture");
    counts.push_back(static_cast<std::uint32_t>(value));
  }
  return from_counts(std::move(counts), height, width);
}

RunLengths RunLengths::from_counts(std::vector<std::uint32_t> counts, int height, int width) {
  std::uint64_t sum = 0;
  for (const std::uint32_t count : counts) sum += count;
  if (sum != area(height, width))
    throw FormatError("run lengths sum up to " + std::to_string(sum) + " places; the picture has " +
                      std::to_string(height) + " x " + std::to_string(width));
  return {height, width, std::move(counts)};
}

RunLengths RunLengths::from_polygon(std::span<const double> corners, int height, int width) {
  if (corners.size() < 6 || corners.size() % 2 != 0)
    throw FormatError("a polygon of " + std::to_string(corners.size()) +
                      " coordinates; pairs of at least three corners are expected");
  for (const double c : corners)
    if (!(std::fabs(c) <= kLargest)) throw FormatError("a polygon has a corner far outside the picture");
  const auto corner = [&](std::size_t i) {
    const std::size_t at = 2 * (i % (corners.size() / 2));
    return Point{static_cast<int>(kGrid * corners[at] + 0.5),
                 static_cast<int>(kGrid * corners[at + 1] + 0.5)};
  };
  std::vector<Point> points;
  for (std::size_t i = 0; i < corners.size() / 2; ++i) add_edge(corner(i), corner(i + 1), points);
  // Where the outline crosses the middle of a column of pixels.
  std::vector<std::uint32_t> borders;
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (points[i].x == points[i - 1].x) continue;
    const int fine = points[i].x < points[i - 1].x ? points[i].x : points[i].x - 1;
    const double x = (fine + 0.5) / kGrid - 0.5;
    if (x != std::floor(x) || x < 0 || x > width - 1) continue;
    const double y = std::clamp((std::min(points[i].y, points[i - 1].y) + 0.5) / kGrid - 0.5, 0.0,
                                static_cast<double>(height));
    borders.push_back(static_cast<std::uint32_t>(x) * static_cast<std::uint32_t>(height) +
                      static_cast<std::uint32_t>(std::ceil(y)));
  }
  return from_borders(std::move(borders), height, width);
}

RunLengths merged(std::span<const RunLengths> regions) {
  RunLengths all = regions.front();
  std::vector<bool> inside(area(all.height, all.width), false);
  for (const RunLengths& region : regions)
    region.for_each_run(
        [&](std::uint32_t first, std::uint32_t count) { std::fill_n(inside.begin() + first, count, true); });
  all.counts.clear();
  bool now = false;
  std::uint32_t run = 0;
  for (const bool place : inside) {
    if (place != now) {
      all.counts.push_back(run);
      run = 0;
      now = place;
    }
    ++run;
  }
  all.counts.push_back(run);
  return all;
}

}  // namespace refcalib::engine
