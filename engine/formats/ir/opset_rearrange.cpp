#include <algorithm>
#include <array>
#include <numeric>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/indexing_layers.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/rearrange_layers.h"

namespace refcalib::engine::ir {
namespace {

void read_pad(LayerReader& reader) {
  reader.expect_inputs(3, 4);
  PadAttributes a;
  a.begin = reader.ints(1);
  a.end = reader.ints(2);
  a.mode = reader.word("pad_mode", "");
  if (reader.input_count() > 3 && a.mode == "constant") {
    const std::vector<float> value = reader.constant(3).to_floats();
    if (value.size() != 1) throw FormatError("the padding value is not a single number");
    a.value = static_cast<double>(value.front());
  }
  add_pad(reader, std::move(a));
}

void read_tile(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  add_tile(reader, reader.ints(1));
}

/// PDPD aligns input 0 at `axis` and drops its trailing ones.
void add_pdpd_broadcast(LayerReader& reader, const Shape& target) {
  Shape from = reader.shape(0);
  while (!from.empty() && from.back() == 1) from.pop_back();
  const auto difference =
      static_cast<std::int64_t>(target.size()) - static_cast<std::int64_t>(reader.shape(0).size());
  const std::int64_t named = reader.integer("axis", -1), start = named < 0 ? difference : named;
  if (start < 0 || start > static_cast<std::int64_t>(target.size()) - static_cast<std::int64_t>(from.size()))
    throw FormatError("cannot align " + to_string(reader.shape(0)) + " with " + to_string(target));
  std::vector<std::int64_t> axes(from.size());
  std::iota(axes.begin(), axes.end(), start);
  add_mapped_broadcast(reader, reader.reshaped(reader.input(0), "trimmed", from), target, axes);
}

void read_broadcast(LayerReader& reader) {
  reader.expect_inputs(2, 3);
  const Shape target = reader.ints(1);
  const std::string mode = reader.word("mode", "numpy");
  if (mode == "numpy" || mode == "bidirectional")
    return add_broadcast(reader, reader.input(0), target, mode == "bidirectional");
  if (mode == "pdpd") return add_pdpd_broadcast(reader, target);
  if (mode != "explicit") throw FormatError("attribute 'mode' has the unknown value '" + mode + "'");
  add_mapped_broadcast(reader, reader.input(0), target, reader.ints(2));
}

bool depth_first(const LayerReader& reader) {
  const std::string mode = reader.word("mode", "");
  if (mode != "blocks_first" && mode != "depth_first")
    throw FormatError("attribute 'mode' is neither blocks_first nor depth_first");
  return mode == "depth_first";
}

void read_roll(LayerReader& reader) {
  reader.expect_inputs(3, 3);
  const Shape shape = reader.shape(0);
  std::vector<std::int64_t> shifts = reader.ints(1);
  const std::vector<std::int64_t> axes = reader.ints(2);
  if (shifts.size() == 1) shifts.resize(axes.size(), shifts.front());
  if (shifts.size() != axes.size()) throw FormatError("shifts and axes differ in length");
  RollAttributes a{std::vector<std::int64_t>(shape.size(), 0)};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(LayerReader::axis(axes[i], shape.size()));
    const std::int64_t dim = std::max<std::int64_t>(shape[axis], 1);
    a.shift[axis] = (a.shift[axis] + shifts[i] % dim) % dim;
  }
  reader.add("Roll", std::move(a), {reader.input(0)});
}

/// Axes as indices, or a mask with one truth value per dimension.
void read_reverse(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  const Shape shape = reader.shape(0);
  const std::vector<std::int64_t> named = reader.ints(1);
  const std::string mode = reader.word("mode", "index");
  std::vector<bool> reversed(shape.size(), false);
  if (mode == "mask") {
    if (named.size() != shape.size()) throw FormatError("the mask has not one value per dimension");
    for (std::size_t d = 0; d < shape.size(); ++d) reversed[d] = named[d] != 0;
  } else if (mode == "index") {
    for (const std::int64_t axis : named)
      reversed[static_cast<std::size_t>(LayerReader::axis(axis, shape.size()))] = true;
  } else {
    throw FormatError("attribute 'mode' is neither index nor mask");
  }
  Ranges ranges = Ranges::all(shape);
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (reversed[d]) {
      ranges.begin[d] = shape[d] - 1;
      ranges.end[d] = -shape[d] - 1;
      ranges.steps[d] = -1;
    }
  add_slice(reader, reader.input(0), std::move(ranges));
}

/// The blocks of a batch-and-space layer; the first, of the batch, is 1.
std::vector<std::int64_t> blocks_of(const LayerReader& reader) {
  reader.expect_inputs(4, 4);
  std::vector<std::int64_t> blocks = reader.ints(1);
  const std::size_t rank = reader.shape(0).size();
  if (blocks.size() != rank || rank < 2 || blocks.front() != 1 || reader.ints(2).size() != rank ||
      reader.ints(3).size() != rank || *std::min_element(blocks.begin(), blocks.end()) < 1)
    throw FormatError("blocks and margins do not have one valid number per dimension");
  element_count(blocks);
  return blocks;
}

/// Batch elements are [block…, batch]; each block moves into the dimension it belongs to, then margins are cropped.
void read_batch_to_space(LayerReader& reader) {
  const std::vector<std::int64_t> blocks = blocks_of(reader);
  const Shape x = reader.shape(0);
  const std::int64_t product = element_count(blocks);
  if (x[0] % product != 0)
    throw FormatError("the batch of " + std::to_string(x[0]) + " does not hold whole blocks");
  const auto k = static_cast<std::int64_t>(x.size()) - 1;
  BlockPermuteAttributes a;
  a.split.assign(blocks.begin() + 1, blocks.end());
  a.split.push_back(x[0] / product);
  a.split.insert(a.split.end(), x.begin() + 1, x.end());
  a.order = {k};
  a.merged = {x[0] / product};
  for (std::int64_t d = 0; d < k; ++d) {
    const auto at = static_cast<std::size_t>(d) + 1;
    a.order.insert(a.order.end(), {k + 1 + d, d});
    a.merged.push_back(element_count({x[at], blocks[at]}));
  }
  const Shape whole = a.merged;
  const ValueId moved = reader.helper("BlockPermute", "moved", std::move(a), {reader.input(0)});
  Ranges ranges = Ranges::all(whole);
  const std::vector<std::int64_t> begin = reader.ints(2), end = reader.ints(3);
  for (std::size_t d = 0; d < whole.size(); ++d) {
    if (begin[d] < 0 || end[d] < 0 || begin[d] >= whole[d] || end[d] >= whole[d] - begin[d])
      throw FormatError("crops all of dimension " + std::to_string(d));
    ranges.begin[d] = begin[d];
    ranges.end[d] = whole[d] - end[d];
  }
  add_slice(reader, moved, std::move(ranges));
}

/// The inverse: zeros around, then every dimension gives its blocks to the batch.
void read_space_to_batch(LayerReader& reader) {
  const std::vector<std::int64_t> blocks = blocks_of(reader);
  PadAttributes pads;
  pads.begin = reader.ints(2);
  pads.end = reader.ints(3);
  const ValueId padded = pad(reader, "padded", reader.input(0), std::move(pads));
  const Shape x = reader.builder().graph().value(padded).shape;
  const auto k = static_cast<std::int64_t>(x.size()) - 1;
  BlockPermuteAttributes a;
  a.split = {x[0]};
  a.merged = {element_count({x[0], element_count(blocks)})};
  for (std::size_t d = 1; d < x.size(); ++d) {
    if (x[d] % blocks[d] != 0)
      throw FormatError("dimension " + std::to_string(d) + " does not hold whole blocks");
    a.split.insert(a.split.end(), {x[d] / blocks[d], blocks[d]});
    a.merged.push_back(x[d] / blocks[d]);
  }
  for (std::int64_t d = 0; d < k; ++d) a.order.push_back(2 + 2 * d);
  a.order.push_back(0);
  for (std::int64_t d = 0; d < k; ++d) a.order.push_back(1 + 2 * d);
  reader.add("BlockPermute", std::move(a), {padded});
}

void read_reverse_sequence(LayerReader& reader) {
  add_reverse_sequence(reader, reader.integer("seq_axis", 1), reader.integer("batch_axis", 0));
}

constexpr std::array<OpsetLayer, 12> kLayers = {{
    {"pad", 1, kNewest, read_pad},
    {"tile", 1, kNewest, read_tile},
    {"broadcast", 1, kNewest, read_broadcast},
    {"depthtospace", 1, kNewest,
     [](LayerReader& r) { add_depth_to_space(r, r.integer("block_size", 1), depth_first(r)); }},
    {"spacetodepth", 1, kNewest,
     [](LayerReader& r) { add_space_to_depth(r, r.integer("block_size", 1), depth_first(r)); }},
    {"shufflechannels", 1, kNewest,
     [](LayerReader& r) { add_shuffle_channels(r, r.integer("axis", 1), r.integer("group", 1)); }},
    {"reorgyolo", 1, kNewest, [](LayerReader& r) { add_reorg_yolo(r, r.integer("stride")); }},
    {"reverse", 1, kNewest, read_reverse},
    {"reversesequence", 1, kNewest, read_reverse_sequence},
    {"roll", 7, kNewest, read_roll},
    {"batchtospace", 2, kNewest, read_batch_to_space},
    {"spacetobatch", 2, kNewest, read_space_to_batch},
}};

}  // namespace

std::span<const OpsetLayer> opset_rearrange_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
