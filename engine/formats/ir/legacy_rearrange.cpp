#include <algorithm>
#include <array>
#include <string_view>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/indexing_layers.h"
#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/rearrange_layers.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

void read_pad(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  PadAttributes a;
  a.begin = reader.integers("pads_begin");
  a.end = reader.has("pads_end") ? reader.integers("pads_end") : a.begin;
  a.mode = reader.word("pad_mode", reader.word("mode", "constant"));
  a.value = reader.real("pad_value", 0);
  add_pad(reader, std::move(a));
}

void read_tile(LayerReader& reader) {
  const std::size_t rank = reader.shape(0).size();
  std::vector<std::int64_t> repeats(rank, 1);
  repeats.at(static_cast<std::size_t>(LayerReader::axis(reader.integer("axis"), rank))) =
      reader.integer("tiles");
  add_tile(reader, std::move(repeats));
}

/// What a layer leaves of one dimension.
struct CropEntry {
  std::int64_t axis = 0, offset = 0;
  std::int64_t dim = -1;  ///< -1: what the second input has there
};

/// The value of `key` in the text of one element; `absent` if it is not there.
std::int64_t element_integer(std::string_view element, std::string_view key, std::int64_t absent) {
  const std::string start = " " + std::string(key) + "=\"";
  const std::size_t at = element.find(start);
  if (at == std::string_view::npos) return absent;
  const std::string_view value = element.substr(at + start.size());
  return parse_integer(std::string(value.substr(0, value.find('"'))), "attribute '" + std::string(key) + "'");
}

/// v2 states one child element per dimension: <crop axis="2" offset="3" dim="10"/>.
std::vector<CropEntry> child_entries(std::string_view text) {
  std::vector<CropEntry> entries;
  constexpr std::string_view tag = "<crop ";
  for (std::size_t at = text.find(tag); at != std::string_view::npos; at = text.find(tag, at + 1)) {
    const std::string_view element = text.substr(at, text.find('>', at) - at);
    entries.push_back({element_integer(element, "axis", 0), element_integer(element, "offset", 0),
                       element_integer(element, "dim", -1)});
  }
  return entries;
}

/// The attributes `axis`, `offset` and `dim`, or `crop_begin` and `crop_end`.
std::vector<CropEntry> list_entries(const LayerReader& reader) {
  const std::vector<std::int64_t> axes = reader.integers("axis");
  const bool margins = reader.has("crop_begin");
  std::vector<std::int64_t> offsets = reader.integers(margins ? "crop_begin" : "offset");
  const std::vector<std::int64_t> ends = reader.integers("crop_end"), dims = reader.integers("dim");
  if (offsets.size() == 1) offsets.resize(axes.size(), offsets.front());
  if (offsets.empty()) offsets.resize(axes.size(), 0);
  if (offsets.size() != axes.size() || (margins && ends.size() != axes.size()) ||
      (!dims.empty() && dims.size() != axes.size()))
    throw FormatError("the lists of axes, offsets and dimensions differ in length");
  std::vector<CropEntry> entries;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    CropEntry entry{axes[i], offsets[i], dims.empty() ? -1 : dims[i]};
    if (margins && dims.empty()) {
      const auto axis = static_cast<std::size_t>(LayerReader::axis(axes[i], reader.shape(0).size()));
      entry.dim = std::max<std::int64_t>(reader.shape(0)[axis], 0) -
                  std::clamp<std::int64_t>(ends[i], 0, 1LL << 40) -
                  std::clamp<std::int64_t>(offsets[i], 0, 1LL << 40);
      if (entry.dim < 0) throw FormatError("crops more than there is");
    }
    entries.push_back(entry);
  }
  return entries;
}

void read_crop(LayerReader& reader) {
  reader.expect_inputs(1, 2);
  const Shape shape = reader.shape(0);
  std::vector<CropEntry> entries = child_entries(reader.layer().data_raw);
  if (entries.empty()) entries = list_entries(reader);
  if (entries.empty()) throw FormatError("the layer names no axis");
  const Shape declared = reader.layer().outputs.empty() ? Shape{} : reader.layer().outputs.front().dims;
  Ranges ranges = Ranges::all(shape);
  for (const CropEntry& entry : entries) {
    const auto axis = static_cast<std::size_t>(LayerReader::axis(entry.axis, shape.size()));
    std::int64_t dim = entry.dim;
    if (dim < 0 && reader.input_count() > 1 && axis < reader.shape(1).size()) dim = reader.shape(1)[axis];
    if (dim < 0 && axis < declared.size()) dim = declared[axis];
    if (dim < 1 || entry.offset < 0 || entry.offset > shape[axis] || dim > shape[axis] - entry.offset)
      throw FormatError("takes " + std::to_string(dim) + " elements from " + std::to_string(entry.offset) +
                        " on of a dimension of " + std::to_string(shape[axis]));
    ranges.begin[axis] = entry.offset;
    ranges.end[axis] = entry.offset + dim;
  }
  add_slice(reader, reader.input(0), std::move(ranges));
}

void read_broadcast(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  add_broadcast(reader, reader.input(0), reader.ints(1));
}

/// Inputs are the shape and the value.
void read_fill(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  if (element_count(reader.shape(1)) != 1) throw FormatError("the value is not a single number");
  const ValueId value = reader.reshaped(reader.input(1), "value", {});
  add_broadcast(reader, value, reader.ints(0));
}

void read_reverse_sequence(LayerReader& reader) {
  add_reverse_sequence(reader, reader.integer("seq_axis", 1), reader.integer("batch_axis", 0));
}

constexpr std::array<LegacyLayer, 10> kLayers = {{
    {"pad", read_pad},
    {"tile", read_tile},
    {"crop", read_crop},
    {"broadcast", read_broadcast},
    {"fill", read_fill},
    {"depthtospace", [](LayerReader& r) { add_depth_to_space(r, r.integer("block_size", 1), false); }},
    {"spacetodepth", [](LayerReader& r) { add_space_to_depth(r, r.integer("block_size", 1), false); }},
    {"shufflechannels",
     [](LayerReader& r) { add_shuffle_channels(r, r.integer("axis", 1), r.integer("group", 1)); }},
    {"reorgyolo", [](LayerReader& r) { add_reorg_yolo(r, r.integer("stride")); }},
    {"reversesequence", read_reverse_sequence},
}};

}  // namespace

std::span<const LegacyLayer> legacy_rearrange_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
