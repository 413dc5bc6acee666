#include <algorithm>
#include <array>
#include <cstdlib>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/legacy_window.h"
#include "engine/ops/pooling.h"

namespace refcalib::engine::ir {
namespace {

std::string method(const LayerReader& reader) {
  const std::string word = reader.word("pool-method", reader.word("pool", "max"));
  if (word == "max" || word.ends_with(".max")) return "max";
  if (word == "avg" || word == "ave" || word.ends_with(".ave")) return "avg";
  throw FormatError("attribute 'pool-method' has the unknown value '" + word + "'");
}

/// Rounding up is the default; it never keeps a window that starts behind input plus begin padding. With
/// auto_pad the number of windows follows from rounding down.
std::string rounding(const LayerReader& reader) {
  const std::string padding = reader.word("auto_pad", "explicit");
  if (padding != "explicit") return "floor";
  const std::string word = reader.word("rounding_type", reader.word("rounding-type", "ceil"));
  if (word == "ceil") return "ceil_clipped";
  if (word == "floor") return "floor";
  throw FormatError("attribute 'rounding_type' has the unknown value '" + word + "'");
}

/// Where the declared output differs from the rule by one, the end pads follow from it, with the last window as it falls.
void trust_declared(const LayerReader& reader, PoolingAttributes& a) {
  const std::vector<std::int64_t> sizes = spatial_sizes(reader), declared = declared_sizes(reader);
  std::vector<std::int64_t> ends = a.pads_end;
  bool differs = false;
  for (std::size_t i = 0; i < declared.size(); ++i) {
    const std::int64_t outputs = pooled_size(a, i, sizes[i]);
    if (declared[i] < 1 || std::abs(declared[i] - outputs) > 1) return;
    differs = differs || declared[i] != outputs;
    ends[i] = (declared[i] - 1) * a.strides[i] + a.kernel[i] - sizes[i] - a.pads_begin[i];
  }
  if (!differs) return;
  a.pads_end = std::move(ends);
  a.rounding = "floor";
}

void read_pooling(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  Window window = legacy_pooling_window(reader);
  PoolingAttributes attributes;
  attributes.method = method(reader);
  attributes.rounding = rounding(reader);
  const auto is_zero = [](std::int64_t pad) { return pad == 0; };
  const bool begins_unpadded = std::all_of(window.pads_begin.begin(), window.pads_begin.end(), is_zero);
  attributes.exclude_pad =
      attributes.method == "max" || begins_unpadded || reader.boolean("exclude-pad", false);
  attributes.clip_divisor = !attributes.exclude_pad;
  attributes.kernel = std::move(window.kernel);
  attributes.strides = std::move(window.strides);
  attributes.dilations = std::vector<std::int64_t>(attributes.kernel.size(), 1);
  attributes.pads_begin = std::move(window.pads_begin);
  attributes.pads_end = std::move(window.pads_end);
  trust_declared(reader, attributes);
  reader.add("Pooling", std::move(attributes), {reader.input(0)});
}

void reduce(LayerReader& reader, const char* operation) {
  add_reduce(reader, operation, reader.boolean("keep_dims", true));
}

constexpr std::array<LegacyLayer, 11> kLayers = {{
    {"pooling", read_pooling},
    {"reducemean", [](LayerReader& r) { reduce(r, "mean"); }},
    {"reducesum", [](LayerReader& r) { reduce(r, "sum"); }},
    {"reducemax", [](LayerReader& r) { reduce(r, "max"); }},
    {"reducemin", [](LayerReader& r) { reduce(r, "min"); }},
    {"reduceprod", [](LayerReader& r) { reduce(r, "prod"); }},
    {"reducel1", [](LayerReader& r) { reduce(r, "l1"); }},
    {"reducel2", [](LayerReader& r) { reduce(r, "l2"); }},
    {"reducelogsum", [](LayerReader& r) { reduce(r, "log_sum"); }},
    {"reducelogsumexp", [](LayerReader& r) { reduce(r, "log_sum_exp"); }},
    {"reducesumsquare", [](LayerReader& r) { reduce(r, "sum_square"); }},
}};

}  // namespace

std::span<const LegacyLayer> legacy_pooling_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
