#pragma once

#include <string>
#include <vector>

#include "engine/formats/ir/layer_reader.h"
#include "engine/ops/movement.h"
#include "engine/ops/rearrange.h"
#include "engine/ops/resize.h"

namespace refcalib::engine::ir {

// Translations of padding, slicing, repeating, block-wise moving and resizing that the legacy and the opset vocabulary share. Those
// named `add_…` add the node named like the layer, the others a helper node "<layer>/<suffix>".

/// The single integer of a constant input.
std::int64_t scalar(const LayerReader& reader, std::size_t rank);

/// `begin`, `end` and `steps` of every dimension as a StridedSlice of x; negative numbers count from the end.
struct Ranges {
  std::vector<std::int64_t> begin, end, steps;
  /// Everything of a shape.
  static Ranges all(const Shape& shape);
};
void add_slice(LayerReader& reader, ValueId x, Ranges ranges, StridedSliceAttributes attributes = {});
ValueId slice(LayerReader& reader, std::string_view suffix, ValueId x, const Ranges& ranges);

ValueId pad(LayerReader& reader, std::string_view suffix, ValueId x, PadAttributes attributes);
void add_pad(LayerReader& reader, PadAttributes attributes);

/// Copies of input 0 along its dimensions, aligned at the last one.
void add_tile(LayerReader& reader, std::vector<std::int64_t> repeats);
/// x repeated to a shape, aligned at the last dimension. With `bidirectional` dimensions of 1 in `target` keep those of x.
void add_broadcast(LayerReader& reader, ValueId x, const Shape& target, bool bidirectional = false);
/// x whose dimension i becomes dimension axes[i] of the target.
void add_mapped_broadcast(LayerReader& reader, ValueId x, const Shape& target,
                          const std::vector<std::int64_t>& axes);

void add_depth_to_space(LayerReader& reader, std::int64_t block, bool depth_first);
void add_space_to_depth(LayerReader& reader, std::int64_t block, bool depth_first);
void add_shuffle_channels(LayerReader& reader, std::int64_t axis, std::int64_t group);
/// Darknet's reorganisation with its quirk: input and output are flat arrays that are seen under other shapes.
void add_reorg_yolo(LayerReader& reader, std::int64_t stride);

/// Resizes x, over whichever dimensions change. Throws UnsupportedError if interpolation runs over more than three.
void add_resize(LayerReader& reader, ValueId x, ResizeAttributes attributes);
/// Scales that follow from the shapes.
std::vector<float> scales_between(const Shape& in, const Shape& out);

}  // namespace refcalib::engine::ir
