#include <array>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/reshape.h"
#include "engine/formats/ir/text.h"
#include "engine/ops/movement.h"

namespace refcalib::engine::ir {
namespace {

const Shape& declared(const LayerReader& reader, std::size_t rank = 0) {
  if (rank >= reader.layer().outputs.size()) throw FormatError("the layer has no output port");
  return reader.layer().outputs[rank].dims;
}

/// Applications feed floats to float and image inputs; integer index inputs keep their type.
void read_input(LayerReader& reader) {
  reader.expect_inputs(0, 0);
  const std::string& port =
      reader.layer().outputs.empty() ? std::string() : reader.layer().outputs[0].precision;
  std::string name = port.empty() ? reader.layer().precision : port;
  if (name.empty()) name = reader.document().precision;
  const DType type = name.empty() ? DType::f32 : element_type(name);
  const bool index = type == DType::i32 || type == DType::i64 || type == DType::u32 || type == DType::u64;
  reader.set_outputs({reader.builder().input(reader.name(), index ? type : DType::f32, declared(reader))});
}

void read_const(LayerReader& reader) {
  const Layer& layer = reader.layer();
  if (layer.blobs.empty()) throw FormatError("the constant has no blob");
  const Blob& blob = layer.blobs.front();
  const Shape& shape = declared(reader);
  const std::string& port = layer.outputs[0].precision;
  const DType type = !blob.precision.empty() ? element_type(blob.precision)
                     : !port.empty()         ? element_type(port)
                                             : reader.blob_type(blob);
  reader.set_outputs({reader.builder().constant(
      reader.name(), document_constant(reader.document(), blob, reader.name(), type, shape))});
}

/// The target is input 1 or the attribute `dim`; the window attributes of v2 leave it to the declared output. So do
/// converters that turn a batch into elements and leave `dim` as it was.
void read_reshape(LayerReader& reader) {
  if (reader.input_count() > 1) return add_reshape_to_input(reader, true);
  std::vector<std::int64_t> target = reader.integers("dim");
  if (reader.document().reshaped) target = fit_batch(std::move(target), reader.shape(0));
  const bool window = reader.integer("axis", 0) != 0 || reader.integer("num_axes", -1) != -1;
  const Shape& output = declared(reader);
  const bool fits = !output.empty() && element_count(output) == element_count(reader.shape(0));
  if (reader.document().reshaped && (target.empty() || window))
    throw UnsupportedError("the shape of its output is stated for the file's own input shapes only",
                           {{}, {}, "leave -b and -shape out"});
  if (target.empty() || window || fits) return reader.add_reshape(output);
  const ValueId shape = reader.constant_value("shape", Constant::i64_vector(target));
  reader.add("Reshape", ReshapeAttributes{true}, {reader.input(0), shape});
}

/// Dimensions axis to end_axis become one.
void read_flatten(LayerReader& reader) {
  const Shape& shape = reader.shape(0);
  const auto first = static_cast<std::size_t>(LayerReader::axis(reader.integer("axis", 0), shape.size()));
  const auto last = static_cast<std::size_t>(LayerReader::axis(reader.integer("end_axis", -1), shape.size()));
  if (last < first) throw FormatError("attribute 'end_axis' lies in front of 'axis'");
  Shape target(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(first));
  target.push_back(1);
  for (std::size_t i = first; i <= last && i < shape.size(); ++i) target.back() *= shape[i];
  for (std::size_t i = last + 1; i < shape.size(); ++i) target.push_back(shape[i]);
  reader.add_reshape(std::move(target));
}

/// The declared sizes of the outputs are what counts.
void read_split(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  const std::int64_t axis = LayerReader::axis(reader.integer("axis", 1), reader.shape(0).size());
  std::vector<std::int64_t> sizes;
  for (const Port& port : reader.layer().outputs) {
    if (port.dims.size() != reader.shape(0).size())
      throw FormatError("output port " + std::to_string(port.id) + " has the shape " + to_string(port.dims));
    sizes.push_back(port.dims[static_cast<std::size_t>(axis)]);
  }
  add_split(reader, axis, std::move(sizes));
}

/// Digits with or without commas. In legacy files 1 means that begin or end is used; graphs say the opposite.
std::vector<std::int64_t> mask(const LayerReader& reader, const char* key, std::size_t count,
                               std::int64_t absent, bool inverted) {
  std::vector<std::int64_t> bits;
  for (const char c : reader.word(key, ""))
    if (c == '0' || c == '1') {
      bits.push_back(c - '0');
    } else if (c != ',' && c != ' ' && c != '[' && c != ']') {
      throw FormatError("attribute '" + std::string(key) + "' is not a list of 0 and 1");
    }
  bits.resize(std::max(bits.size(), count), absent);
  if (inverted)
    for (std::int64_t& bit : bits) bit = 1 - bit;
  return bits;
}

void read_strided_slice(LayerReader& reader) {
  reader.expect_inputs(3, 4);
  const auto count = static_cast<std::size_t>(reader.constant(1).count());
  const ValueId strides =
      reader.input_count() > 3
          ? reader.input(3)
          : reader.constant_value("strides", Constant::i64_vector(std::vector<std::int64_t>(count, 1)));
  StridedSliceAttributes attributes;
  attributes.begin_mask = mask(reader, "begin_mask", count, 1, true);
  attributes.end_mask = mask(reader, "end_mask", count, 1, true);
  attributes.new_axis_mask = mask(reader, "new_axis_mask", count, 0, false);
  attributes.shrink_axis_mask = mask(reader, "shrink_axis_mask", count, 0, false);
  attributes.ellipsis_mask = mask(reader, "ellipsis_mask", count, 0, false);
  reader.add("StridedSlice", std::move(attributes),
             {reader.input(0), reader.input(1), reader.input(2), strides});
}

void read_convert(LayerReader& reader) {
  const std::string target = reader.word("precision", "fp32");
  reader.add("Convert", ConvertAttributes{std::string(to_string(element_type(target)))}, {reader.input(0)});
}

constexpr std::array<LegacyLayer, 18> kLayers = {{
    {"input", read_input},
    {"const", read_const},
    {"concat", [](LayerReader& r) { add_concat(r, r.integer("axis", 1)); }},
    {"split", read_split},
    {"slice", read_split},
    {"reshape", read_reshape},
    {"flatten", read_flatten},
    {"squeeze",
     [](LayerReader& r) { add_squeeze(r, r.input_count() > 1 ? r.ints(1) : std::vector<std::int64_t>{}); }},
    {"unsqueeze", [](LayerReader& r) { add_unsqueeze(r, r.ints(1)); }},
    {"permute", [](LayerReader& r) { add_transpose(r, r.integers("order")); }},
    {"stridedslice", read_strided_slice},
    {"shape", [](LayerReader& r) { r.add("ShapeOf", NoAttributes{}, {r.input(0)}); }},
    {"shapeof", [](LayerReader& r) { r.add("ShapeOf", NoAttributes{}, {r.input(0)}); }},
    {"range", [](LayerReader& r) { r.add("Range", NoAttributes{}, r.inputs()); }},
    {"convert", read_convert},
    {"copy", add_identity},
    {"dropout", add_identity},
    {"logsoftmax", [](LayerReader& r) { add_softmax(r, r.integer("axis", 1), true); }},
}};

}  // namespace

std::span<const LegacyLayer> legacy_movement_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
