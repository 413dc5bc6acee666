#include <algorithm>

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

/// Pads of all dimensions from those of `axes` (none: of all), begins before ends.
void add_pad(NodeReader& reader, const std::vector<std::int64_t>& pads, std::vector<std::int64_t> axes,
             ValueId value) {
  const std::size_t rank = reader.shape(0).size();
  if (axes.empty())
    for (std::size_t d = 0; d < rank; ++d) axes.push_back(static_cast<std::int64_t>(d));
  if (pads.size() != 2 * axes.size())
    throw FormatError("the node has " + std::to_string(pads.size()) + " pads for " +
                      std::to_string(axes.size()) + " dimensions");
  std::vector<std::int64_t> begin(rank, 0), end(rank, 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto d = static_cast<std::size_t>(NodeReader::axis(axes[i], rank));
    begin[d] = pads[i];
    end[d] = pads[i + axes.size()];
  }
  const std::string mode = reader.word("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge")
    throw UnsupportedError("padding mode '" + mode + "' is not supported");
  std::vector<ValueId> inputs{reader.input(0), reader.i64("begin", std::move(begin)),
                              reader.i64("end", std::move(end))};
  if (mode == "constant" && value != kNone) inputs.push_back(value);
  reader.add({"Pad", 1}, {{"pad_mode", mode}}, std::move(inputs));
}

void read_pad_attributes(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  add_pad(reader, reader.integers("pads"), {},
          reader.f32("value", static_cast<float>(reader.real("value", 0))));
}

void read_pad_inputs(NodeReader& reader) {
  reader.expect_inputs(2, 4);
  ValueId value = kNone;
  if (reader.has_input(2)) value = reader.reshaped(reader.input(2), "value", {});
  add_pad(reader, reader.ints(1), reader.has_input(3) ? reader.ints(3) : std::vector<std::int64_t>{}, value);
}

void read_expand(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  reader.add({"Broadcast", 3}, {{"mode", "bidirectional"}},
             {reader.input(0), reader.i64("shape", reader.ints(1))});
}

void read_tile(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  reader.add({"Tile", 1}, {}, {reader.input(0), reader.i64("repeats", reader.ints(1))});
}

void read_depth_to_space(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const std::string mode = reader.word("mode", "dcr");
  if (mode != "dcr" && mode != "crd")
    throw FormatError("attribute 'mode' \"" + mode + "\" is neither DCR nor CRD");
  reader.add({"DepthToSpace", 1},
             {{"block_size", std::to_string(reader.integer("blocksize"))},
              {"mode", mode == "dcr" ? "blocks_first" : "depth_first"}},
             {reader.input(0)});
}

void read_space_to_depth(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  reader.add({"SpaceToDepth", 1},
             {{"block_size", std::to_string(reader.integer("blocksize"))}, {"mode", "blocks_first"}},
             {reader.input(0)});
}

void read_reverse_sequence(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  reader.add({"ReverseSequence", 1},
             {{"batch_axis", std::to_string(reader.integer("batch_axis", 1))},
              {"seq_axis", std::to_string(reader.integer("time_axis", 0))}},
             {reader.input(0), reader.input(1)});
}

constexpr std::int64_t kMostMaskElements = std::int64_t{1} << 24;

/// Keeps one side of a diagonal of the last two dimensions, 0 elsewhere.
void read_trilu(NodeReader& reader) {
  reader.expect_inputs(1, 2);
  const Shape& shape = reader.shape(0);
  if (shape.size() < 2) throw FormatError("the input has the shape " + to_string(shape));
  const std::int64_t rows = shape[shape.size() - 2], columns = shape.back();
  if (element_count({rows, columns}) > kMostMaskElements)
    throw UnsupportedError("a triangle of shape " + to_string(Shape{rows, columns}) + " is too large");
  const std::int64_t k = reader.has_input(1) ? reader.ints(1).at(0) : 0;
  const bool upper = reader.integer("upper", 1) != 0;
  std::vector<std::int64_t> kept;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) kept.push_back((upper ? c - r >= k : c - r <= k) ? 1 : 0);
  const ValueId numbers = reader.constant_value("kept/i64", Constant::i64({rows, columns}, std::move(kept)));
  const ValueId mask = reader.helper({"Convert", 1}, "kept", {{"destination_type", "boolean"}}, {numbers});
  const std::string type(to_string(reader.dtype(0)));
  const ValueId zero =
      reader.helper({"Convert", 1}, "zero", {{"destination_type", type}}, {reader.i64_scalar("zero/i64", 0)});
  reader.add({"Select", 1}, {}, {mask, reader.input(0), zero});
}

constexpr Operator kOperators[] = {
    {"Pad", 2, 10, read_pad_attributes},
    {"Pad", 11, kNewest, read_pad_inputs},
    {"Expand", 8, kNewest, read_expand, OnIntegers::kept},
    {"Tile", 6, kNewest, read_tile, OnIntegers::kept},
    {"DepthToSpace", 1, kNewest, read_depth_to_space, OnIntegers::kept},
    {"SpaceToDepth", 1, kNewest, read_space_to_depth, OnIntegers::kept},
    {"ReverseSequence", 10, kNewest, read_reverse_sequence},
    {"Trilu", 14, kNewest, read_trilu},
};

}  // namespace

std::span<const Operator> rearrangement_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
