#include <algorithm>
#include <array>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/rearrange_layers.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/normalization.h"
#include "engine/ops/sorting.h"

namespace refcalib::engine::ir {
namespace {

/// Across channels, or within squares of every channel.
void read_norm(LayerReader& reader) {
  const char* const size = reader.has("local-size") ? "local-size" : "local_size";
  const std::size_t rank = reader.shape(0).size();
  const bool across = reader.word("region", "across") == "across";
  if (rank < 2 || (!across && rank < 3))
    throw FormatError("the input has the shape " + to_string(reader.shape(0)));
  add_lrn(reader, across ? std::vector<std::int64_t>{1} : axes_from(2, rank), reader.real("alpha"),
          reader.real("beta"), reader.real("k", 1), reader.integer(size));
}

/// Vectors over the channels, or over all of a sample, of length 1 and then scaled per channel.
void read_normalize(LayerReader& reader) {
  const Shape& shape = reader.shape(0);
  if (shape.size() < 2) throw FormatError("the input has no channels");
  const double eps = reader.real("eps");
  if (!(eps >= 0)) throw FormatError("attribute 'eps' is negative");
  const std::vector<std::int64_t> axes =
      reader.boolean("across_spatial", false) ? axes_from(1, shape.size()) : std::vector<std::int64_t>{1};
  std::vector<float> weights{1.0F};
  if (reader.has_blob("weights")) {
    const std::int64_t count = reader.blob_count("weights");
    weights = reader.blob("weights", {count == 1 ? 1 : shape[1]}).to_floats();
  } else if (reader.input_count() > 1) {
    weights = reader.constant(1).to_floats();
  }
  const ValueId unit =
      reader.helper("Normalize", "unit", NormalizeAttributes{"l2", axes, eps}, {reader.input(0)});
  add_channel_affine(reader, unit, std::move(weights), {0.0F});
}

void read_mvn(LayerReader& reader) {
  add_spatial_mvn(reader, reader.boolean("across_channels", false),
                  reader.boolean("normalize_variance", true), reader.real("eps"));
}

/// Positions, as floats, and on request the elements themselves. Without an axis, of all of a sample: `[N, 1 or 2, k]`.
void read_arg_max(LayerReader& reader) {
  const Shape shape = reader.shape(0);
  const bool values = reader.integer("out_max_val", 0) != 0, along = reader.has("axis");
  const std::int64_t k = reader.integer("top_k");
  TopKAttributes top;
  top.k = k;
  ValueId data = reader.input(0);
  if (along) {
    top.axis = LayerReader::axis(reader.integer("axis"), shape.size());
  } else {
    if (shape.empty() || shape[0] < 1) throw FormatError("the input has no samples");
    top.axis = 1;
    data = reader.reshaped(data, "flat", {shape[0], element_count(shape) / shape[0]});
  }
  const std::vector<ValueId> best =
      reader.builder().add("TopK", reader.name() + "/top", Attributes::of(std::move(top)), {data}, 2);
  if (along) {
    const auto as_float = ConvertAttributes{"f32"};
    return reader.add("Convert", as_float, {best[values ? 0 : 1]});
  }
  const auto rank = std::max<std::size_t>(shape.size(), 3);
  Shape one(rank, 1);
  one[0] = shape[0];
  one[2] = k;
  const ValueId positions = reader.helper("Convert", "positions", ConvertAttributes{"f32"}, {best[1]});
  if (!values) {
    const ValueId target = reader.constant_value("shape", Constant::i64_vector(one));
    return reader.add("Reshape", ReshapeAttributes{false}, {positions, target});
  }
  reader.add(
      "Concat", ConcatAttributes{1},
      {reader.reshaped(positions, "positions/rows", one), reader.reshaped(best[0], "values/rows", one)});
}

void read_reduce(LayerReader& reader, const char* operation) {
  add_reduce(reader, operation, reader.boolean("keep_dims", true));
}

void read_cum_sum(LayerReader& reader) {
  reader.expect_inputs(1, 2);
  const std::int64_t axis = reader.input_count() > 1 ? scalar(reader, 1) : 0;
  reader.add("CumSum",
             CumSumAttributes{LayerReader::axis(axis, reader.shape(0).size()),
                              reader.boolean("exclusive", false), reader.boolean("reverse", false)},
             {reader.input(0)});
}

constexpr std::array<LegacyLayer, 13> kLayers = {{
    {"norm", read_norm},
    {"lrn", read_norm},
    {"normalize", read_normalize},
    {"mvn", read_mvn},
    {"grn", [](LayerReader& r) { add_normalize(r, "l2", {1}, r.real("bias", 1)); }},
    {"gemm", add_gemm},
    {"matmul", add_gemm},
    {"argmax", read_arg_max},
    {"topk", [](LayerReader& r) { add_top_k(r, "index", "i32"); }},
    {"select", [](LayerReader& r) { r.add("Select", NoAttributes{}, r.inputs()); }},
    {"cumsum", read_cum_sum},
    {"reduceand", [](LayerReader& r) { read_reduce(r, "and"); }},
    {"reduceor", [](LayerReader& r) { read_reduce(r, "or"); }},
}};

}  // namespace

std::span<const LegacyLayer> legacy_math_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
