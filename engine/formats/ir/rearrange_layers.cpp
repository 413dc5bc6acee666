#include "engine/formats/ir/rearrange_layers.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/ops/movement.h"

namespace refcalib::engine::ir {
namespace {

/// A shape of the same elements in front of whose dimensions ones make up the rank.
ValueId raised(LayerReader& reader, ValueId x, std::size_t rank) {
  Shape shape = reader.builder().graph().value(x).shape;
  if (shape.size() < rank) shape.insert(shape.begin(), rank - shape.size(), 1);
  return reader.reshaped(x, "rank", std::move(shape));
}

const Shape& shape_of(LayerReader& reader, ValueId x) {
  return reader.builder().graph().value(x).shape;
}

/// Number of spatial dimensions for moving blocks; throws unless `block` is positive and there is at least one.
std::size_t block_dimensions(const LayerReader& reader, std::int64_t block) {
  if (block < 1) throw FormatError("the block size is " + std::to_string(block));
  if (reader.shape(0).size() < 3)
    throw FormatError("the input has the shape " + to_string(reader.shape(0)) +
                      "; blocks need spatial dimensions");
  return reader.shape(0).size() - 2;
}

/// block to the power of the number of spatial dimensions; throws for absurd blocks.
std::int64_t block_elements(std::int64_t block, std::size_t spatial) {
  return element_count(Shape(spatial, block));
}

std::int64_t quotient(std::int64_t whole, std::int64_t part, const char* what) {
  if (part < 1 || whole % part != 0)
    throw FormatError(std::string(what) + " " + std::to_string(whole) + " is not a multiple of " +
                      std::to_string(part));
  return whole / part;
}

}  // namespace

std::int64_t scalar(const LayerReader& reader, std::size_t rank) {
  const std::vector<std::int64_t> values = reader.ints(rank);
  if (values.size() != 1) throw FormatError("input " + std::to_string(rank) + " is not a single number");
  return values.front();
}

Ranges Ranges::all(const Shape& shape) {
  return {std::vector<std::int64_t>(shape.size(), 0), shape, std::vector<std::int64_t>(shape.size(), 1)};
}

ValueId slice(LayerReader& reader, std::string_view suffix, ValueId x, const Ranges& ranges) {
  std::vector<ValueId> inputs{x};
  const std::string prefix = std::string(suffix) + "/";
  inputs.push_back(reader.constant_value(prefix + "begin", Constant::i64_vector(ranges.begin)));
  inputs.push_back(reader.constant_value(prefix + "end", Constant::i64_vector(ranges.end)));
  inputs.push_back(reader.constant_value(prefix + "steps", Constant::i64_vector(ranges.steps)));
  return reader.helper("StridedSlice", suffix, StridedSliceAttributes{}, inputs);
}

void add_slice(LayerReader& reader, ValueId x, Ranges ranges, StridedSliceAttributes attributes) {
  const ValueId begin = reader.constant_value("begin", Constant::i64_vector(std::move(ranges.begin)));
  const ValueId end = reader.constant_value("end", Constant::i64_vector(std::move(ranges.end)));
  const ValueId steps = reader.constant_value("steps", Constant::i64_vector(std::move(ranges.steps)));
  reader.add("StridedSlice", std::move(attributes), {x, begin, end, steps});
}

ValueId pad(LayerReader& reader, std::string_view suffix, ValueId x, PadAttributes attributes) {
  const auto zero = [](std::int64_t n) { return n == 0; };
  if (std::all_of(attributes.begin.begin(), attributes.begin.end(), zero) &&
      std::all_of(attributes.end.begin(), attributes.end.end(), zero))
    return x;
  return reader.helper("Pad", suffix, std::move(attributes), {x});
}

void add_pad(LayerReader& reader, PadAttributes attributes) {
  reader.add("Pad", std::move(attributes), {reader.input(0)});
}

void add_tile(LayerReader& reader, std::vector<std::int64_t> repeats) {
  const std::size_t rank = std::max(repeats.size(), reader.shape(0).size());
  repeats.insert(repeats.begin(), rank - repeats.size(), 1);
  reader.add("Tile", TileAttributes{std::move(repeats)}, {raised(reader, reader.input(0), rank)});
}

void add_broadcast(LayerReader& reader, ValueId x, const Shape& target, bool bidirectional) {
  const Shape from = shape_of(reader, x);
  Shape to = target;
  if (bidirectional && to.size() < from.size()) to.insert(to.begin(), from.size() - to.size(), 1);
  if (to.size() < from.size())
    throw FormatError("cannot broadcast " + to_string(from) + " to " + to_string(target));
  for (std::size_t i = 0; bidirectional && i < from.size(); ++i) {
    std::int64_t& dim = to[to.size() - 1 - i];
    if (dim == 1) dim = from[from.size() - 1 - i];
  }
  reader.add("Broadcast", BroadcastAttributes{to}, {raised(reader, x, to.size())});
}

void add_mapped_broadcast(LayerReader& reader, ValueId x, const Shape& target,
                          const std::vector<std::int64_t>& axes) {
  const Shape from = shape_of(reader, x);
  if (axes.size() != from.size())
    throw FormatError("the mapping names " + std::to_string(axes.size()) + " axes for a value of shape " +
                      to_string(from));
  Shape spread(target.size(), 1);
  std::int64_t last = -1;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = LayerReader::axis(axes[i], target.size());
    if (axis <= last) throw FormatError("the axes of the mapping are not in increasing order");
    spread[static_cast<std::size_t>(axis)] = from[i];
    last = axis;
  }
  reader.add("Broadcast", BroadcastAttributes{target}, {reader.reshaped(x, "mapped", std::move(spread))});
}

void add_depth_to_space(LayerReader& reader, std::int64_t block, bool depth_first) {
  const std::size_t spatial = block_dimensions(reader, block);
  const Shape x = reader.shape(0);
  BlockPermuteAttributes a;
  const std::int64_t channels = quotient(x[1], block_elements(block, spatial), "the number of channels");
  a.split = {x[0]};
  a.split.insert(a.split.end(), spatial, block);
  a.split.insert(depth_first ? a.split.begin() + 1 : a.split.end(), channels);
  a.split.insert(a.split.end(), x.begin() + 2, x.end());
  const auto k = static_cast<std::int64_t>(spatial), first = std::int64_t{depth_first ? 2 : 1};
  a.order = {0, depth_first ? 1 : k + 1};
  a.merged = {x[0], channels};
  for (std::int64_t d = 0; d < k; ++d) {
    a.order.insert(a.order.end(), {k + 2 + d, first + d});
    a.merged.push_back(element_count({x[static_cast<std::size_t>(d) + 2], block}));
  }
  reader.add("BlockPermute", std::move(a), {reader.input(0)});
}

void add_space_to_depth(LayerReader& reader, std::int64_t block, bool depth_first) {
  const std::size_t spatial = block_dimensions(reader, block);
  const Shape x = reader.shape(0);
  BlockPermuteAttributes a;
  a.split = {x[0], x[1]};
  a.merged = {x[0], 0};
  for (std::size_t d = 2; d < x.size(); ++d) {
    const std::int64_t blocks = quotient(x[d], block, "the dimension");
    a.split.insert(a.split.end(), {blocks, block});
    a.merged.push_back(blocks);
  }
  a.merged[1] = element_count({x[1], block_elements(block, spatial)});
  const auto k = static_cast<std::int64_t>(spatial);
  a.order = {0};
  if (depth_first) a.order.push_back(1);
  for (std::int64_t d = 0; d < k; ++d) a.order.push_back(3 + 2 * d);
  if (!depth_first) a.order.push_back(1);
  for (std::int64_t d = 0; d < k; ++d) a.order.push_back(2 + 2 * d);
  reader.add("BlockPermute", std::move(a), {reader.input(0)});
}

void add_shuffle_channels(LayerReader& reader, std::int64_t axis, std::int64_t group) {
  const Shape x = reader.shape(0);
  const std::int64_t along = LayerReader::axis(axis, x.size());
  BlockPermuteAttributes a{x, {}, x};
  const std::int64_t each = quotient(x[static_cast<std::size_t>(along)], group, "the number of channels");
  a.split[static_cast<std::size_t>(along)] = group;
  a.split.insert(a.split.begin() + along + 1, each);
  for (std::int64_t d = 0; d < static_cast<std::int64_t>(a.split.size()); ++d) a.order.push_back(d);
  std::swap(a.order[static_cast<std::size_t>(along)], a.order[static_cast<std::size_t>(along) + 1]);
  reader.add("BlockPermute", std::move(a), {reader.input(0)});
}

void add_reorg_yolo(LayerReader& reader, std::int64_t stride) {
  reader.expect_inputs(1, 1);
  const Shape x = reader.shape(0);
  if (x.size() != 4) throw FormatError("the input has the shape " + to_string(x) + "; expected is rank 4");
  if (stride < 1 || stride > (1 << 20)) throw FormatError("attribute 'stride' is " + std::to_string(stride));
  const std::int64_t fewer = quotient(x[1], stride * stride, "the number of channels");
  const std::int64_t height = quotient(x[2], stride, "the height"),
                     width = quotient(x[3], stride, "the width");
  const ValueId seen = reader.reshaped(reader.input(0), "seen", {x[0], fewer, x[2] * stride, x[3] * stride});
  // Space-to-depth of that picture, blocks first.
  BlockPermuteAttributes a{{x[0], fewer, x[2], stride, x[3], stride}, {0, 3, 5, 1, 2, 4}, x};
  const ValueId moved = reader.helper("BlockPermute", "moved", std::move(a), {seen});
  const ValueId shape =
      reader.constant_value("shape", Constant::i64_vector({x[0], x[1] * stride * stride, height, width}));
  reader.add("Reshape", ReshapeAttributes{false}, {moved, shape});
}

std::vector<float> scales_between(const Shape& in, const Shape& out) {
  std::vector<float> scales;
  for (std::size_t d = 0; d < std::min(in.size(), out.size()); ++d)
    scales.push_back(in[d] == 0 ? 1.0F : static_cast<float>(out[d]) / static_cast<float>(in[d]));
  return scales;
}

namespace {

/// Interpolation over dimensions that are not the spatial ones of N, C, spatial…: those that change are moved behind the others, which
/// become channels.
void add_moved_resize(LayerReader& reader, ValueId x, const ResizeAttributes& a) {
  const Shape in = shape_of(reader, x);
  std::vector<std::int64_t> order, changing;
  for (std::size_t d = 0; d < in.size(); ++d)
    (in[d] == a.shape[d] ? order : changing).push_back(static_cast<std::int64_t>(d));
  if (changing.size() > 3)
    throw UnsupportedError("interpolation over " + std::to_string(changing.size()) +
                           " dimensions is not supported");
  const std::size_t kept = order.size();
  order.insert(order.end(), changing.begin(), changing.end());
  ResizeAttributes inner = a;
  Shape seen{1, 1}, moved_out;
  inner.shape = {1, 1};
  inner.scale = {1, 1};
  std::vector<std::int64_t> back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto d = static_cast<std::size_t>(order[i]);
    back[d] = static_cast<std::int64_t>(i);
    moved_out.push_back(a.shape[d]);
    if (i < kept) {
      inner.shape[1] = seen[1] = element_count({seen[1], in[d]});
      continue;
    }
    seen.push_back(in[d]);
    inner.shape.push_back(a.shape[d]);
    inner.scale.push_back(a.scale[d]);
  }
  const ValueId moved = reader.helper("Transpose", "moved", TransposeAttributes{order}, {x});
  const ValueId resized = reader.helper("Resize", "resized", std::move(inner),
                                        {reader.reshaped(moved, "planes", std::move(seen))});
  const ValueId result = reader.reshaped(resized, "dimensions", std::move(moved_out));
  reader.add("Transpose", TransposeAttributes{std::move(back)}, {result});
}

}  // namespace

void add_resize(LayerReader& reader, ValueId x, ResizeAttributes attributes) {
  const Shape& in = shape_of(reader, x);
  const Shape& out = attributes.shape;
  if (out.size() != in.size()) throw FormatError("cannot resize " + to_string(in) + " to " + to_string(out));
  if (attributes.mode == "nearest") return reader.add("ResizeNearest", std::move(attributes), {x});
  const bool spatial = in.size() >= 3 && in.size() <= 5 && in[0] == out[0] && in[1] == out[1];
  if (in == out) {
    const ValueId shape = reader.constant_value("shape", Constant::i64_vector(out));
    return reader.add("Reshape", ReshapeAttributes{false}, {x, shape});
  }
  if (!spatial) return add_moved_resize(reader, x, attributes);
  reader.add("Resize", std::move(attributes), {x});
}

}  // namespace refcalib::engine::ir
