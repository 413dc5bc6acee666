#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/normalization.h"
#include "engine/ops/sorting.h"

// Normalization, sorting and matrix products, in the words that the legacy and the opset vocabulary share.

namespace refcalib::engine::ir {

std::vector<std::int64_t> axes_from(std::int64_t first, std::size_t rank) {
  std::vector<std::int64_t> axes;
  for (auto axis = first; axis < static_cast<std::int64_t>(rank); ++axis) axes.push_back(axis);
  return axes;
}

void add_general_prelu(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  const Shape &data = reader.shape(0), &slope = reader.shape(1);
  const std::int64_t channels = data.size() > 1 ? data[1] : 1, count = element_count(slope);
  bool per_channel = count == 1 || slope == Shape{channels};
  if (!per_channel && count == channels && slope.size() <= data.size()) {
    per_channel = true;
    for (std::size_t i = 0; i < slope.size(); ++i)
      per_channel = per_channel && (slope[i] == 1 || i + data.size() - slope.size() == 1);
  }
  if (per_channel && reader.is_constant(1)) return add_prelu(reader, reader.constant(1));
  ValueId value = reader.input(1);
  if (per_channel && count != 1) {
    Shape target(data.size(), 1);
    target[data.size() > 1 ? 1 : 0] = channels;
    value = reader.reshaped(value, "slope", std::move(target));
  }
  if (reader.is_constant(1)) check_finite(reader.constant(1), "slope");
  reader.add("Eltwise", EltwiseAttributes{"prelu", {}}, {reader.input(0), value});
}

void add_legacy_truth(LayerReader& reader, const char* operation, const std::vector<ValueId>& operands) {
  if (operands.size() < 2) throw FormatError("an element-wise operation needs two inputs");
  const DType type = reader.builder().graph().value(operands.front()).dtype;
  ValueId left = operands.front();
  for (std::size_t i = 1; i < operands.size(); ++i)
    left = reader.helper("Eltwise", "truth_" + std::to_string(i), EltwiseAttributes{operation, {}},
                         {left, operands[i]});
  reader.add("Convert", ConvertAttributes{std::string(to_string(is_float(type) ? DType::f32 : type))},
             {left});
}

void add_normalize(LayerReader& reader, const char* method, std::vector<std::int64_t> axes, double eps) {
  if (!std::isfinite(eps) || eps < 0) throw FormatError("attribute 'eps' is not a number from 0 on");
  for (std::int64_t& axis : axes) axis = LayerReader::axis(axis, reader.shape(0).size());
  reader.add("Normalize", NormalizeAttributes{method, std::move(axes), eps}, {reader.input(0)});
}

void add_spatial_mvn(LayerReader& reader, bool across_channels, bool normalize_variance, double eps) {
  const std::size_t rank = reader.shape(0).size();
  if (rank < 3)
    throw FormatError("the input has the shape " + to_string(reader.shape(0)) +
                      " without spatial dimensions");
  add_normalize(reader, normalize_variance ? "mean_variance" : "mean",
                axes_from(across_channels ? 1 : 2, rank), eps);
}

void add_lrn(LayerReader& reader, std::vector<std::int64_t> axes, double alpha, double beta, double bias,
             std::int64_t size) {
  if (size < 1 || size > (std::int64_t{1} << 16))
    throw FormatError("the window of " + std::to_string(size) + " elements is out of range");
  for (std::int64_t& axis : axes) axis = LayerReader::axis(axis, reader.shape(0).size());
  reader.add("Lrn", LrnAttributes{std::move(axes), alpha, beta, bias, size}, {reader.input(0)});
}

void add_gemm(LayerReader& reader) {
  reader.expect_inputs(2, 3);
  const double alpha = reader.real("alpha", 1), beta = reader.real("beta", 1);
  const bool bias = reader.input_count() > 2 && beta != 0, scaled = alpha != 1;
  for (std::size_t rank = 0; rank < 2; ++rank)
    if (reader.shape(rank).size() < 2) throw FormatError("a matrix has fewer than 2 dimensions");
  MatMulAttributes attributes;
  attributes.transpose_a = reader.boolean("transpose_a", false);
  attributes.transpose_b = reader.boolean("transpose_b", false);
  const std::vector<ValueId> operands = {reader.input(0), reader.input(1)};
  if (!bias && !scaled) return reader.add("MatMul", attributes, operands);
  ValueId product = reader.helper("MatMul", "product", attributes, operands);
  const auto times = [&](const char* suffix, double factor, ValueId value, bool last) {
    const ValueId k = reader.constant_value(std::string(suffix) + "/factor",
                                            Constant::f32({1}, {static_cast<float>(factor)}));
    if (last) {
      reader.add("Eltwise", EltwiseAttributes{"mul", {}}, {value, k});
      return value;
    }
    return reader.helper("Eltwise", suffix, EltwiseAttributes{"mul", {}}, {value, k});
  };
  if (scaled) product = times("alpha", alpha, product, !bias);
  if (!bias) return;
  const ValueId c = beta == 1 ? reader.input(2) : times("beta", beta, reader.input(2), false);
  reader.add("Eltwise", EltwiseAttributes{"add", {}}, {product, c});
}

void add_top_k(LayerReader& reader, const char* default_sort, std::string index_type) {
  reader.expect_inputs(2, 2);
  const std::vector<std::int64_t> k = reader.ints(1);
  if (k.size() != 1) throw FormatError("the number of elements is not a single number");
  const std::string mode = reader.word("mode", "max"), sort = reader.word("sort", default_sort);
  if (mode != "max" && mode != "min")
    throw FormatError("attribute 'mode' \"" + mode + "\" is not max or min");
  if (sort != "value" && sort != "index" && sort != "none")
    throw FormatError("attribute 'sort' \"" + sort + "\" is not value, index or none");
  const TopKAttributes attributes{LayerReader::axis(reader.integer("axis", -1), reader.shape(0).size()),
                                  k.front(), mode == "max", sort != "index", std::move(index_type)};
  reader.add("TopK", attributes, {reader.input(0)}, 2);
}

}  // namespace refcalib::engine::ir
