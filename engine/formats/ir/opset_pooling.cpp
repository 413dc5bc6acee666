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

void max_pool(LayerReader& reader, bool dilated) {
  reader.expect_inputs(1, 1);
  reader.add("Pooling", pooling(reader, "max", dilated), {reader.input(0)});
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

constexpr std::array<OpsetLayer, 10> kLayers = {{
    {"maxpool", 1, 7, [](LayerReader& r) { max_pool(r, false); }},
    {"maxpool", 8, kNewest, [](LayerReader& r) { max_pool(r, true); }},
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
