#include "engine/formats/ir/common_layers.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/reshape.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/normalization.h"
#include "engine/ops/pooling.h"
#include "engine/ops/sorting.h"

namespace refcalib::engine::ir {

void add_activation(LayerReader& reader, const char* function, double alpha, double beta) {
  reader.add("Activation", ActivationAttributes{function, alpha, beta}, {reader.input(0)});
}

void add_identity(LayerReader& reader) {
  reader.add_reshape(Shape(reader.shape(0)));
}

void add_reshape_to_input(LayerReader& reader, bool special_zero) {
  special_zero = reader.boolean("special_zero", special_zero);
  if (!reader.document().reshaped || !reader.is_constant(1))
    return reader.add("Reshape", ReshapeAttributes{special_zero}, {reader.input(0), reader.input(1)});
  const ValueId target =
      reader.constant_value("shape", Constant::i64_vector(fit_batch(reader.ints(1), reader.shape(0))));
  reader.add("Reshape", ReshapeAttributes{special_zero}, {reader.input(0), target});
}

void add_channel_affine(LayerReader& reader, ValueId x, std::vector<float> scale, std::vector<float> shift) {
  const auto vector = [&](const char* suffix, std::vector<float> values) {
    Shape shape = {static_cast<std::int64_t>(values.size())};
    Constant constant = Constant::f32(std::move(shape), std::move(values));
    check_finite(constant, suffix);
    return reader.constant_value(suffix, std::move(constant));
  };
  const ValueId scale_value = vector("scale", std::move(scale));
  const ValueId shift_value = vector("shift", std::move(shift));
  reader.add("ChannelAffine", ChannelAffineAttributes{}, {x, scale_value, shift_value});
}

void add_prelu(LayerReader& reader, const Constant& slope) {
  const Shape& shape = reader.shape(0);
  const std::int64_t channels = shape.size() > 1 ? shape[1] : 1;
  if (slope.count() != 1 && slope.count() != channels)
    throw UnsupportedError("the slope has " + std::to_string(slope.count()) + " values for " +
                           std::to_string(channels) + " channels; one, or one per channel, is supported");
  check_finite(slope, "slope");
  const ValueId value = reader.constant_value("slope", slope.reshaped({slope.count()}));
  reader.add("PRelu", PReluAttributes{}, {reader.input(0), value});
}

void add_softmax(LayerReader& reader, std::int64_t axis, bool log) {
  reader.add("Softmax", SoftmaxAttributes{LayerReader::axis(axis, reader.shape(0).size()), log},
             {reader.input(0)});
}

namespace {

/// log(sum(exp(x - max))) + max, which does not overflow.
void add_log_sum_exp(LayerReader& reader, const std::vector<std::int64_t>& axes, bool keep_dims) {
  const ValueId x = reader.input(0);
  const ValueId kept = reader.helper("Reduce", "max", ReduceAttributes{"max", axes, true}, {x});
  const ValueId shifted = reader.helper("Eltwise", "shifted", EltwiseAttributes{"sub", {}}, {x, kept});
  const ValueId e = reader.helper("Activation", "exp", ActivationAttributes{"exp"}, {shifted});
  const ValueId sum = reader.helper("Reduce", "log_sum", ReduceAttributes{"log_sum", axes, keep_dims}, {e});
  const ValueId largest = reader.reshaped(kept, "max/shape", reader.builder().graph().value(sum).shape);
  reader.add("Eltwise", EltwiseAttributes{"add", {}}, {sum, largest});
}

}  // namespace

void add_reduce(LayerReader& reader, const char* operation, bool keep_dims) {
  reader.expect_inputs(2, 2);
  std::vector<std::int64_t> axes = reader.ints(1);
  for (std::int64_t& axis : axes) axis = LayerReader::axis(axis, reader.shape(0).size());
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  if (axes.empty()) return add_identity(reader);
  if (std::string_view(operation) == "log_sum_exp") return add_log_sum_exp(reader, axes, keep_dims);
  reader.add("Reduce", ReduceAttributes{operation, std::move(axes), keep_dims}, {reader.input(0)});
}

void add_transpose(LayerReader& reader, std::vector<std::int64_t> order) {
  const std::size_t rank = reader.shape(0).size();
  if (order.empty()) {
    order.resize(rank);
    std::iota(order.rbegin(), order.rend(), 0);
  }
  if (order.size() != rank)
    throw FormatError("the order has " + std::to_string(order.size()) + " entries for " +
                      std::to_string(rank) + " dimensions");
  for (std::int64_t& entry : order) entry = LayerReader::axis(entry, rank);
  reader.add("Transpose", TransposeAttributes{std::move(order)}, {reader.input(0)});
}

void add_concat(LayerReader& reader, std::int64_t axis) {
  if (reader.input_count() == 1) return add_identity(reader);
  reader.add("Concat", ConcatAttributes{LayerReader::axis(axis, reader.shape(0).size())}, reader.inputs());
}

void add_split(LayerReader& reader, std::int64_t axis, std::vector<std::int64_t> sizes) {
  const Shape& shape = reader.shape(0);
  const std::int64_t along = LayerReader::axis(axis, shape.size());
  if (sizes.empty()) throw FormatError("the layer splits into no parts");
  const std::int64_t whole = shape.at(static_cast<std::size_t>(along));
  std::int64_t rest = whole;
  std::int64_t* open = nullptr;
  for (std::int64_t& size : sizes) {
    if (size == -1 && open == nullptr) {
      open = &size;
    } else if (size < 1 || size > rest) {
      throw FormatError("parts do not add up to the " + std::to_string(whole) + " elements of axis " +
                        std::to_string(along));
    } else {
      rest -= size;
    }
  }
  if (open != nullptr) {
    *open = rest;
    rest = 0;
  }
  if (rest != 0)
    throw FormatError("parts do not add up to the " + std::to_string(whole) + " elements of axis " +
                      std::to_string(along));
  const std::size_t count = sizes.size();
  reader.add("Split", SplitAttributes{along, std::move(sizes)}, {reader.input(0)}, count);
}

void add_squeeze(LayerReader& reader, std::vector<std::int64_t> axes) {
  const Shape& shape = reader.shape(0);
  for (std::int64_t& axis : axes) axis = LayerReader::axis(axis, shape.size());
  Shape target;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool named = std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) != axes.end();
    if (named && shape[i] != 1)
      throw FormatError("dimension " + std::to_string(i) + " of shape " + to_string(shape) +
                        " cannot be removed");
    if (!named && !(axes.empty() && shape[i] == 1)) target.push_back(shape[i]);
  }
  reader.add_reshape(std::move(target));
}

void add_unsqueeze(LayerReader& reader, std::vector<std::int64_t> axes) {
  const Shape shape = reader.shape(0);
  const std::size_t rank = shape.size() + axes.size();
  for (std::int64_t& axis : axes) axis = LayerReader::axis(axis, rank);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) throw FormatError("an axis is named twice");
  Shape target = shape;
  for (const std::int64_t axis : axes) target.insert(target.begin() + axis, 1);
  reader.add_reshape(std::move(target));
}

void add_fake_quantize(LayerReader& reader) {
  reader.expect_inputs(5, 5);
  const std::int64_t levels = reader.integer("levels");
  if (levels < 2 || levels > (std::int64_t{1} << 24))
    throw FormatError("attribute 'levels' \"" + std::to_string(levels) + "\" is out of range");
  reader.add("FakeQuantize", FakeQuantizeAttributes{levels}, reader.inputs());
}

void add_eltwise(LayerReader& reader, const char* operation, const std::vector<ValueId>& operands) {
  if (operands.size() < 2) throw FormatError("an element-wise operation needs two inputs");
  ValueId left = operands.front();
  for (std::size_t i = 1; i + 1 < operands.size(); ++i)
    left = reader.helper("Eltwise", std::to_string(i), EltwiseAttributes{operation, {}}, {left, operands[i]});
  reader.add("Eltwise", EltwiseAttributes{operation, {}}, {left, operands.back()});
}

void add_batch_norm(LayerReader& reader, ValueId x, const std::vector<float>& mean,
                    const std::vector<float>& variance, const std::vector<float>& gamma,
                    const std::vector<float>& beta, double epsilon) {
  const std::size_t channels = mean.size();
  if (variance.size() != channels || gamma.size() != channels || beta.size() != channels)
    throw FormatError("the constants have different numbers of channels");
  std::vector<float> scale(channels);
  std::vector<float> shift(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double divisor = std::sqrt(static_cast<double>(variance[c]) + epsilon);
    if (!(divisor > 0))
      throw FormatError("the variance of channel " + std::to_string(c) + " is not positive");
    const double factor = static_cast<double>(gamma[c]) / divisor;
    scale[c] = static_cast<float>(factor);
    shift[c] = static_cast<float>(static_cast<double>(beta[c]) - static_cast<double>(mean[c]) * factor);
  }
  add_channel_affine(reader, x, std::move(scale), std::move(shift));
}

}  // namespace refcalib::engine::ir
