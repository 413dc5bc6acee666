#include <algorithm>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/caffe/layers.h"

namespace refcalib::engine::caffe {
namespace {

using Dims = std::vector<std::int64_t>;

void add_reshape(CaffeLayer& layer, Dims target) {
  layer.add({"Reshape", 1}, {{"special_zero", "true"}},
            {layer.input(), layer.integers("shape", std::move(target))});
}

void read_concat(CaffeLayer& layer) {
  layer.expect_inputs(1, 100000);
  const proto::ConcatParameter& p = layer.parameter().concat_param();
  const std::size_t axis =
      layer.axis(p.has_concat_dim() ? static_cast<std::int64_t>(p.concat_dim()) : p.axis());
  if (layer.input_count() == 1) return layer.set_output(0, layer.input());
  layer.add({"Concat", 1}, {{"axis", std::to_string(axis)}}, layer.inputs());
}

/// Parts between the given points, or equal ones.
void read_slice(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::SliceParameter& p = layer.parameter().slice_param();
  const std::size_t axis =
      layer.axis(p.has_slice_dim() ? static_cast<std::int64_t>(p.slice_dim()) : p.axis());
  const auto parts = static_cast<std::int64_t>(layer.output_count());
  const std::int64_t whole = layer.shape()[axis];
  if (parts == 1 && p.slice_point_size() == 0) return layer.set_output(0, layer.input());
  Dims sizes;
  if (p.slice_point_size() == 0) {
    if (parts < 1 || whole % parts != 0)
      throw FormatError(std::to_string(whole) + " elements cannot be cut into " + std::to_string(parts) +
                        " equal parts");
    sizes.assign(static_cast<std::size_t>(parts), whole / parts);
  } else {
    if (p.slice_point_size() + 1 != parts)
      throw FormatError("there are " + std::to_string(p.slice_point_size()) + " slice_point for " +
                        std::to_string(parts) + " tops");
    std::int64_t last = 0;
    for (const std::uint32_t point : p.slice_point()) {
      sizes.push_back(static_cast<std::int64_t>(point) - last);
      last = point;
    }
    sizes.push_back(whole - last);
    if (std::any_of(sizes.begin(), sizes.end(), [](std::int64_t size) { return size < 1; }))
      throw FormatError("the slice_point do not increase within the " + std::to_string(whole) + " elements");
  }
  layer.add({"VariadicSplit", 1}, {},
            {layer.input(), layer.integer("axis", static_cast<std::int64_t>(axis)),
             layer.integers("sizes", std::move(sizes))});
}

/// Dimensions from `axis` on are cut to those of the second bottom.
void read_crop(CaffeLayer& layer) {
  layer.expect_inputs(2, 2);
  const proto::CropParameter& p = layer.parameter().crop_param();
  const Shape &x = layer.shape(0), &like = layer.shape(1);
  const std::size_t axis = layer.axis(p.axis()), count = x.size() - axis;
  if (like.size() != x.size())
    throw FormatError("the bottoms have the shapes " + to_string(x) + " and " + to_string(like));
  if (p.offset_size() > 1 && static_cast<std::size_t>(p.offset_size()) != count)
    throw FormatError("there are " + std::to_string(p.offset_size()) + " offsets for " +
                      std::to_string(count) + " dimensions");
  Dims begin, end, axes;
  for (std::size_t d = axis; d < x.size(); ++d) {
    const int rank = p.offset_size() > 1 ? static_cast<int>(d - axis) : 0;
    const std::int64_t offset = p.offset_size() > 0 ? static_cast<std::int64_t>(p.offset(rank)) : 0;
    if (offset + like[d] > x[d])
      throw FormatError("the part of " + std::to_string(like[d]) + " elements from " +
                        std::to_string(offset) + " on exceeds the " + std::to_string(x[d]) +
                        " of dimension " + std::to_string(d));
    begin.push_back(offset);
    end.push_back(offset + like[d]);
    axes.push_back(static_cast<std::int64_t>(d));
  }
  layer.add({"Slice", 8}, {},
            {layer.input(), layer.integers("begin", begin), layer.integers("end", end),
             layer.integers("step", Dims(count, 1)), layer.integers("axes", axes)});
}

void read_flatten(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::FlattenParameter& p = layer.parameter().flatten_param();
  const std::size_t first = layer.axis(p.axis()), last = layer.axis(p.end_axis());
  if (last < first) throw FormatError("end_axis lies in front of axis");
  Dims target(first, 0);
  target.push_back(-1);
  const Shape& x = layer.shape();
  target.insert(target.end(), x.begin() + static_cast<std::ptrdiff_t>(last) + 1, x.end());
  add_reshape(layer, std::move(target));
}

/// Dimensions from `axis` on, `num_axes` of them, take the given ones: 0 keeps one, -1 follows from the others.
void read_reshape(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::ReshapeParameter& p = layer.parameter().reshape_param();
  const Shape& x = layer.shape();
  const std::size_t first = layer.axis(p.axis(), true);
  const std::size_t count = p.num_axes() < 0 ? x.size() - first : static_cast<std::size_t>(p.num_axes());
  if (first + count > x.size())
    throw FormatError("num_axes " + std::to_string(p.num_axes()) +
                      " exceeds the dimensions of a blob of shape " + to_string(x));
  Dims target(first, 0);
  for (int i = 0; i < p.shape().dim_size(); ++i) {
    const std::int64_t dim = p.shape().dim(i);
    if (dim < -1) throw FormatError("the dimension " + std::to_string(dim) + " is not valid");
    if (dim == 0 && first + static_cast<std::size_t>(i) >= x.size())
      throw FormatError("dimension " + std::to_string(i) + " is 0, and there is none to keep");
    target.push_back(dim);
  }
  target.insert(target.end(), x.begin() + static_cast<std::ptrdiff_t>(first + count), x.end());
  add_reshape(layer, std::move(target));
}

/// The dimensions that are not named follow in their order.
void read_permute(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  Dims order;
  for (const std::uint32_t axis : layer.parameter().permute_param().order())
    order.push_back(static_cast<std::int64_t>(layer.axis(axis)));
  for (std::int64_t d = 0; d < static_cast<std::int64_t>(layer.shape().size()); ++d)
    if (std::find(order.begin(), order.end(), d) == order.end()) order.push_back(d);
  if (order.size() != layer.shape().size()) throw FormatError("the order names a dimension twice");
  layer.add({"Transpose", 1}, {}, {layer.input(), layer.integers("order", std::move(order))});
}

void read_tile(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::TileParameter& p = layer.parameter().tile_param();
  if (p.tiles() < 1) throw FormatError("tiles is missing or not positive");
  Dims repeats(layer.shape().size(), 1);
  repeats[layer.axis(p.axis())] = p.tiles();
  layer.add({"Tile", 1}, {}, {layer.input(), layer.integers("repeats", std::move(repeats))});
}

void read_shuffle(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  layer.add({"ShuffleChannels", 1},
            {{"axis", "1"}, {"group", std::to_string(layer.parameter().shuffle_channel_param().group())}},
            {layer.input()});
}

void read_reorg(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::ReorgParameter& p = layer.parameter().reorg_param();
  if (p.reverse()) throw UnsupportedError("Reorg in reverse is not supported");
  layer.add({"ReorgYolo", 1}, {{"stride", std::to_string(p.stride())}}, {layer.input()});
}

constexpr LayerType kTypes[] = {
    {"Concat", read_concat},   {"Slice", read_slice},
    {"Crop", read_crop},       {"Flatten", read_flatten},
    {"Reshape", read_reshape}, {"Permute", read_permute},
    {"Tile", read_tile},       {"ShuffleChannel", read_shuffle},
    {"Reorg", read_reorg},
};

}  // namespace

std::span<const LayerType> movement_types() noexcept {
  return kTypes;
}

}  // namespace refcalib::engine::caffe
