#pragma once

#include <cstdint>

#include "engine/kernels/conv/conv.h"
#include "engine/kernels/dwconv/rows-inl.h"

/// How channels of a grouped convolution lie in vectors and how its work is cut. Included by instruction-set files only; in an unnamed
/// namespace, so that each file has its own.
namespace refcalib::engine::kernels {
namespace {

/// The output channels of `groups` whole groups share a vector: a bundle. The last bundle may hold fewer groups.
struct Bundles {
  std::int64_t ins, outs;      ///< channels per group
  std::int64_t groups, count;  ///< groups to a bundle, bundles

  /// `positions`: lanes that the inputs of one group take in the vector that is loaded.
  Bundles(const ConvGeometry& g, std::int64_t lanes, std::int64_t positions) noexcept
      : ins(g.in_channels / g.groups), outs(g.out_channels / g.groups), groups(0), count(0) {
    if (positions < 1 || outs < 1) return;
    groups = lanes / (positions > outs ? positions : outs);
    if (groups > g.groups) groups = g.groups;
    if (groups > 0) count = (g.groups + groups - 1) / groups;
  }

  /// Output channels of bundle number `b`.
  std::int64_t channels(const ConvGeometry& g, std::int64_t b) const noexcept {
    const std::int64_t left = g.groups - b * groups;
    return (left < groups ? left : groups) * outs;
  }
};

/// A unit of work is one output row, or some of its bundles where rows are few.
struct BundleUnits {
  std::int64_t rows, parts, part_bundles;

  BundleUnits(const ConvGeometry& g, std::int64_t bundles) noexcept : rows(g.batch * g.out_h) {
    constexpr std::int64_t wanted_units = 32;
    const std::int64_t most_parts = rows > 0 ? (wanted_units + rows - 1) / rows : 1;
    part_bundles = most_parts >= bundles ? 1 : (bundles + most_parts - 1) / most_parts;
    parts = (bundles + part_bundles - 1) / part_bundles;
  }
};

/// One plane with several groups, and no wide gaps between the columns that are read (a row has one pointer per column).
inline bool is_grouped_plane(const ConvGeometry& g) noexcept {
  const std::int64_t columns = (g.out_w - 1) * g.stride_w + (g.kernel_w - 1) * g.dilation_w + 1;
  return g.groups > 1 && g.kernel_d == 1 && g.in_d == 1 && g.out_d == 1 && g.pad_d == 0 &&
         columns <= 16 * (g.out_w + g.kernel_w) + 1024;
}

}  // namespace
}  // namespace refcalib::engine::kernels
