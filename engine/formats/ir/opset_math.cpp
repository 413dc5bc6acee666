#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/normalization.h"
#include "engine/ops/sorting.h"

namespace refcalib::engine::ir {
namespace {

void read_lrn(LayerReader& reader) {
  reader.expect_inputs(1, 2);
  // Older writers leave the axes out: across the channels.
  std::vector<std::int64_t> axes = reader.input_count() > 1 ? reader.ints(1) : std::vector<std::int64_t>{1};
  add_lrn(reader, std::move(axes), reader.real("alpha"), reader.real("beta"), reader.real("bias"),
          reader.integer("size"));
}

void read_mvn1(LayerReader& reader) {
  add_spatial_mvn(reader, reader.boolean("across_channels", false),
                  reader.boolean("normalize_variance", false), reader.real("eps"));
}

void read_mvn6(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  const std::string mode = reader.word("eps_mode", "inside_sqrt");
  if (mode != "inside_sqrt" && mode != "outside_sqrt")
    throw FormatError("attribute 'eps_mode' \"" + mode + "\" is not inside_sqrt or outside_sqrt");
  const char* const with_variance = mode == "inside_sqrt" ? "mean_variance" : "mean_variance_eps_outside";
  add_normalize(reader, reader.boolean("normalize_variance", true) ? with_variance : "mean", reader.ints(1),
                reader.real("eps", 0));
}

void read_normalize_l2(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  const std::string mode = reader.word("eps_mode", "add");
  if (mode != "add" && mode != "max")
    throw FormatError("attribute 'eps_mode' \"" + mode + "\" is not add or max");
  add_normalize(reader, mode == "add" ? "l2" : "l2_eps_maximum", reader.ints(1), reader.real("eps"));
}

/// The channels of each group, with all of space, are one vector; then a scale and a shift per channel.
void read_group_normalization(LayerReader& reader) {
  reader.expect_inputs(3, 3);
  const Shape shape = reader.shape(0);
  const std::int64_t groups = reader.integer("num_groups");
  if (shape.size() < 2 || shape[0] < 1 || groups < 1 || shape[1] % groups != 0)
    throw FormatError("channels of the shape " + to_string(shape) + " do not form " + std::to_string(groups) +
                      " groups");
  const std::int64_t rest = element_count(shape) / (shape[0] * groups);
  const ValueId rows = reader.reshaped(reader.input(0), "groups", {shape[0], groups, rest});
  const ValueId normal = reader.helper(
      "Normalize", "normal", NormalizeAttributes{"mean_variance", {2}, reader.real("epsilon")}, {rows});
  Shape channels(shape.size(), 1);
  channels[1] = shape[1];
  const ValueId scale = reader.reshaped(reader.input(1), "scale", channels);
  const ValueId shift = reader.reshaped(reader.input(2), "shift", channels);
  const ValueId whole = reader.reshaped(normal, "channels", shape);
  const ValueId scaled = reader.helper("Eltwise", "scaled", EltwiseAttributes{"mul", {}}, {whole, scale});
  reader.add("Eltwise", EltwiseAttributes{"add", {}}, {scaled, shift});
}

void read_top_k(LayerReader& reader) {
  const std::string type = reader.word("index_element_type", "i32");
  if (type != "i32" && type != "i64")
    throw FormatError("attribute 'index_element_type' \"" + type + "\" is not i32 or i64");
  add_top_k(reader, "value", type);
}

void read_cum_sum(LayerReader& reader) {
  reader.expect_inputs(1, 2);
  std::vector<std::int64_t> axis{0};
  if (reader.input_count() > 1) axis = reader.ints(1);
  if (axis.size() != 1) throw FormatError("the axis is not a single number");
  reader.add("CumSum",
             CumSumAttributes{LayerReader::axis(axis.front(), reader.shape(0).size()),
                              reader.boolean("exclusive", false), reader.boolean("reverse", false)},
             {reader.input(0)});
}

/// Minus infinity above the main diagonal of [rows, columns], else 0.
Constant causal_mask(std::int64_t rows, std::int64_t columns) {
  if (element_count({rows, columns}) > (std::int64_t{1} << 24))
    throw UnsupportedError("a causal mask of shape " + to_string({rows, columns}) + " is too large");
  std::vector<float> mask;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      mask.push_back(c > r ? -std::numeric_limits<float>::infinity() : 0.0f);
  return Constant::f32({rows, columns}, std::move(mask));
}

/// What is added to the scores; kNone if nothing is.
ValueId attention_bias(LayerReader& reader, std::int64_t rows, std::int64_t columns, bool causal) {
  if (causal) return reader.constant_value("causal", causal_mask(rows, columns));
  if (reader.input_count() < 4) return kNone;
  const Value& mask = reader.builder().graph().value(reader.input(3));
  if (mask.shape.empty() && mask.constant && mask.constant.to_floats().front() == 0) return kNone;
  if ((mask.constant ? mask.constant.dtype() : mask.dtype) != DType::boolean) return reader.input(3);
  const float infinity = std::numeric_limits<float>::infinity();
  const ValueId kept = reader.constant_value("kept", Constant::f32({}, {0}));
  const ValueId dropped = reader.constant_value("dropped", Constant::f32({}, {-infinity}));
  return reader.helper("Select", "mask", NoAttributes{}, {reader.input(3), kept, dropped});
}

/// softmax(q k^T scale + bias) v
void read_attention(LayerReader& reader) {
  reader.expect_inputs(3, 5);
  const Shape &q = reader.shape(0), &k = reader.shape(1);
  if (q.size() < 2 || k.size() < 2) throw FormatError("query and key need two dimensions at least");
  MatMulAttributes transposed;
  transposed.transpose_b = true;
  ValueId scale = reader.input_count() > 4 ? reader.input(4) : kNone;
  if (scale == kNone)
    scale = reader.constant_value(
        "scale", Constant::f32({}, {static_cast<float>(1.0 / std::sqrt(static_cast<double>(q.back())))}));
  const std::int64_t rows = q[q.size() - 2], columns = k[k.size() - 2];
  // The query is smaller than the scores as a rule.
  const ValueId query =
      reader.helper("Eltwise", "query", EltwiseAttributes{"mul", {}}, {reader.input(0), scale});
  ValueId scores = reader.helper("MatMul", "scores", transposed, {query, reader.input(1)});
  const ValueId bias = attention_bias(reader, rows, columns, reader.boolean("causal", false));
  if (bias != kNone)
    scores = reader.helper("Eltwise", "biased", EltwiseAttributes{"add", {}}, {scores, bias});
  const auto axis = static_cast<std::int64_t>(reader.builder().graph().value(scores).shape.size()) - 1;
  const ValueId weights = reader.helper("Softmax", "weights", SoftmaxAttributes{axis, false}, {scores});
  reader.add("MatMul", MatMulAttributes{}, {weights, reader.input(2)});
}

void read_reduce(LayerReader& reader, const char* operation) {
  add_reduce(reader, operation, reader.boolean("keep_dims", false));
}

constexpr std::array<OpsetLayer, 11> kLayers = {{
    {"lrn", 1, kNewest, read_lrn},
    {"mvn", 1, 5, read_mvn1},
    {"mvn", 6, kNewest, read_mvn6},
    {"normalizel2", 1, kNewest, read_normalize_l2},
    {"grn", 1, kNewest, [](LayerReader& r) { add_normalize(r, "l2", {1}, r.real("bias")); }},
    {"groupnormalization", 12, kNewest, read_group_normalization},
    {"topk", 1, kNewest, read_top_k},
    {"cumsum", 3, kNewest, read_cum_sum},
    {"scaleddotproductattention", 13, kNewest, read_attention},
    {"reducelogicaland", 1, kNewest, [](LayerReader& r) { read_reduce(r, "and"); }},
    {"reducelogicalor", 1, kNewest, [](LayerReader& r) { read_reduce(r, "or"); }},
}};

}  // namespace

std::span<const OpsetLayer> opset_math_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
