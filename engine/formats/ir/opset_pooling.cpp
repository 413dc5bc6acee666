#include <algorithm>
#include <array>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/window.h"
#include "engine/ops/pooling.h"

namespace refcalib::engine::ir {
namespace {

std::string rounding(const LayerReader& reader) {
  const std::string word = reader.word("rounding_type", "floor");
  if (word == "floor" || word == "ceil") return word;
  if (word == "ceil_torch") return "ceil_clipped";
  throw FormatError("attribute 'rounding_type' has the unknown value '" + word + "'");
}

/// Versions before 8 define no dilations; files carry the attribute nevertheless.
PoolingAttributes pooling(const LayerReader& reader, const char* method, bool dilated) {
  const std::size_t rank = reader.spatial_rank();
  if (!reader.has("kernel")) throw FormatError("attribute 'kernel' is missing");
  Window window;
  window.kernel = reader.spatial("kernel", rank, 1);
  window.strides = reader.spatial("strides", rank, 1);
  window.dilations = dilated ? reader.spatial("dilations", rank, 1) : std::vector<std::int64_t>(rank, 1);
  window.pads_begin = reader.spatial("pads_begin", rank, 0);
  window.pads_end = reader.spatial("pads_end", rank, 0);
  check_window(window, NegativePads::unsupported);
  resolve_auto_pad(window, reader.word("auto_pad", ""), spatial_sizes(reader));
  PoolingAttributes result;
  result.method = method;
  result.rounding = rounding(reader);
  result.kernel = window.kernel;
  result.strides = window.strides;
  result.dilations = window.dilations;
  result.pads_begin = window.pads_begin;
  result.pads_end = window.pads_end;
  return result;
}

/// Maxima and, as a node of its own that lives only if something reads it, their indices.
void add_with_indices(LayerReader& reader, const PoolingAttributes& attributes, std::int64_t axis) {
  PoolingIndicesAttributes indices{attributes, axis, reader.word("index_element_type", "i64")};
  if (indices.index_type != "i32" && indices.index_type != "i64")
    throw FormatError("attribute 'index_element_type' \"" + indices.index_type + "\" is not i32 or i64");
  reader.add("Pooling", attributes, {reader.input(0)});
  const ValueId values = reader.outputs().front();
  if (reader.layer().outputs.size() < 2) return;
  // The second output goes by the name that outputs of several have.
  const ValueId where = reader.builder().add1("PoolingIndices", reader.name() + ".1",
                                              Attributes::of(std::move(indices)), {reader.input(0)});
  reader.set_outputs({values, where});
}

void read_max_pool(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  reader.add("Pooling", pooling(reader, "max", false), {reader.input(0)});
}

void read_indexed_max_pool(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  const std::int64_t axis = LayerReader::axis(reader.integer("axis", 0), reader.shape(0).size());
  add_with_indices(reader, pooling(reader, "max", true), axis);
}

/// Bins of equal size are an ordinary pooling.
PoolingAttributes adaptive(const LayerReader& reader, const char* method) {
  const std::vector<std::int64_t> in = spatial_sizes(reader), out = reader.ints(1);
  if (out.size() != in.size())
    throw FormatError("the output shape has " + std::to_string(out.size()) + " values for " +
                      std::to_string(in.size()) + " spatial dimensions");
  PoolingAttributes result;
  result.method = method;
  bool equal = true;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (out[i] < 1) throw FormatError("the output size " + std::to_string(out[i]) + " is not positive");
    equal = equal && in[i] % out[i] == 0;
    result.kernel.push_back(in[i] / out[i]);
  }
  if (!equal) {
    result.kernel.clear();
    result.bins = out;
    return result;
  }
  result.strides = result.kernel;
  result.dilations = std::vector<std::int64_t>(in.size(), 1);
  result.pads_begin = result.pads_end = std::vector<std::int64_t>(in.size(), 0);
  return result;
}

void read_adaptive_avg_pool(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  reader.add("Pooling", adaptive(reader, "avg"), {reader.input(0)});
}

/// Indices count the spatial dimensions only.
void read_adaptive_max_pool(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  add_with_indices(reader, adaptive(reader, "max"), 2);
}

/// Without any padding the average is taken over the cells inside the image, whatever exclude-pad says.
void read_avg_pool(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  PoolingAttributes result = pooling(reader, "avg", false);
  const auto is_zero = [](std::int64_t pad) { return pad == 0; };
  const bool unpadded = std::all_of(result.pads_begin.begin(), result.pads_begin.end(), is_zero) &&
                        std::all_of(result.pads_end.begin(), result.pads_end.end(), is_zero);
  result.exclude_pad = unpadded || reader.boolean("exclude-pad", reader.boolean("exclude_pad", false));
  reader.add("Pooling", std::move(result), {reader.input(0)});
}

void reduce(LayerReader& reader, const char* operation) {
  add_reduce(reader, operation, reader.boolean("keep_dims", false));
}

constexpr std::array<OpsetLayer, 12> kLayers = {{
    {"maxpool", 1, 7, read_max_pool},
    {"maxpool", 8, kNewest, read_indexed_max_pool},
    {"adaptiveavgpool", 8, kNewest, read_adaptive_avg_pool},
    {"adaptivemaxpool", 8, kNewest, read_adaptive_max_pool},
    {"avgpool", 1, kNewest, read_avg_pool},
    {"reducemean", 1, kNewest, [](LayerReader& r) { reduce(r, "mean"); }},
    {"reducesum", 1, kNewest, [](LayerReader& r) { reduce(r, "sum"); }},
    {"reducemax", 1, kNewest, [](LayerReader& r) { reduce(r, "max"); }},
    {"reducemin", 1, kNewest, [](LayerReader& r) { reduce(r, "min"); }},
    {"reduceprod", 1, kNewest, [](LayerReader& r) { reduce(r, "prod"); }},
    {"reducel1", 4, kNewest, [](LayerReader& r) { reduce(r, "l1"); }},
    {"reducel2", 4, kNewest, [](LayerReader& r) { reduce(r, "l2"); }},
}};

}  // namespace

std::span<const OpsetLayer> opset_pooling_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
