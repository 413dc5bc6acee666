#include <array>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/legacy_layers.h"
#include "engine/ops/eltwise.h"

namespace refcalib::engine::ir {
namespace {

struct Operation {
  std::string_view word;
  const char* name;
};

constexpr std::array<Operation, 22> kOperations = {{
    {"sum", "add"},
    {"mul", "mul"},
    {"prod", "mul"},
    {"max", "max"},
    {"min", "min"},
    {"sub", "sub"},
    {"div", "div"},
    {"squared_diff", "squared_difference"},
    {"floor_mod", "floor_mod"},
    {"pow", "pow"},
    {"equal", "equal"},
    {"not_equal", "not_equal"},
    {"less", "less"},
    {"less_equal", "less_equal"},
    {"greater", "greater"},
    {"greater_equal", "greater_equal"},
    {"logical_and", "logical_and"},
    {"logical_or", "logical_or"},
    {"logical_xor", "logical_xor"},
    {"", "add"},
    {"add", "add"},
    {"squared_difference", "squared_difference"},
}};

const char* operation(const LayerReader& reader) {
  const std::string word = reader.word("operation", "sum");
  for (const Operation& row : kOperations)
    if (row.word == word) return row.name;
  throw UnsupportedError("element-wise operation '" + word + "' is not supported");
}

bool gives_boolean(std::string_view name) {
  return name.find("equal") != std::string_view::npos || name.starts_with("less") ||
         name.starts_with("greater") || name.starts_with("logical");
}

/// Coefficients of a sum become factors in front of its operands.
std::vector<ValueId> operands(LayerReader& reader, const std::string& name) {
  std::vector<ValueId> values = reader.inputs();
  const std::vector<float> factors = reader.floats("coeff");
  if (factors.empty() || name != "add") return values;
  if (factors.size() != values.size())
    throw FormatError("attribute 'coeff' has " + std::to_string(factors.size()) + " values for " +
                      std::to_string(values.size()) + " inputs");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (factors[i] == 1.0f) continue;
    const std::string suffix = "coeff_" + std::to_string(i);
    const ValueId factor = reader.constant_value(suffix + "/scale", Constant::f32({1}, {factors[i]}));
    const ValueId zero = reader.constant_value(suffix + "/shift", Constant::f32({1}, {0.0f}));
    values[i] = reader.helper("ChannelAffine", suffix, ChannelAffineAttributes{}, {values[i], factor, zero});
  }
  return values;
}

/// The sum times one over the number of operands.
void add_mean(LayerReader& reader) {
  ValueId sum = reader.input(0);
  for (std::size_t i = 1; i < reader.input_count(); ++i)
    sum = reader.helper("Eltwise", std::to_string(i), EltwiseAttributes{"add", {}}, {sum, reader.input(i)});
  const float factor = 1.0f / static_cast<float>(reader.input_count());
  reader.add("Eltwise", EltwiseAttributes{"mul", {}},
             {sum, reader.constant_value("factor", Constant::f32({1}, {factor}))});
}

void read_eltwise(LayerReader& reader) {
  const std::string word = reader.word("operation", "sum");
  if (word == "logical_not") return add_activation(reader, "logical_not");
  if (word == "mean" && reader.input_count() > 1) return add_mean(reader);
  const char* const name = operation(reader);
  if (gives_boolean(name)) return add_legacy_truth(reader, name, reader.inputs());
  add_eltwise(reader, name, operands(reader, name));
}

std::int64_t channels(const LayerReader& reader) {
  const Shape& shape = reader.shape(0);
  if (shape.empty()) throw FormatError("the input has no channels");
  return shape.size() > 1 ? shape[1] : shape[0];
}

/// One value per channel, or one for all: the blob, else the constant input of that rank (v7); `absent` if there is neither.
std::vector<float> per_channel(const LayerReader& reader, const char* blob, std::size_t rank, float absent) {
  if (!reader.has_blob(blob) && reader.input_count() > rank) return reader.constant(rank).to_floats();
  if (!reader.has_blob(blob)) return {absent};
  const std::int64_t count = reader.blob_count(blob);
  return reader.blob(blob, {count == 1 ? 1 : channels(reader)}).to_floats();
}

void read_scale_shift(LayerReader& reader) {
  reader.expect_inputs(1, 3);
  if (!reader.has_blob("weights") && !reader.has_blob("biases") && reader.input_count() < 2)
    throw FormatError("blob 'weights' is missing");
  add_channel_affine(reader, reader.input(0), per_channel(reader, "weights", 1, 1),
                     per_channel(reader, "biases", 2, 0));
}

/// The blob `weights` holds the variance, `biases` the mean.
void read_batch_normalization(LayerReader& reader) {
  const std::int64_t count = channels(reader);
  const auto size = static_cast<std::size_t>(count);
  add_batch_norm(reader, reader.input(0), reader.blob("biases", {count}).to_floats(),
                 reader.blob("weights", {count}).to_floats(), std::vector<float>(size, 1),
                 std::vector<float>(size, 0), reader.real("epsilon"));
}

/// y = (x * scale + shift) ^ power.
void read_power(LayerReader& reader) {
  const double power = reader.real("power", 1);
  const auto scale = static_cast<float>(reader.real("scale", 1));
  const auto shift = static_cast<float>(reader.real("shift", 0));
  if (power == 1) return add_channel_affine(reader, reader.input(0), {scale}, {shift});
  ValueId base = reader.input(0);
  if (scale != 1.0f || shift != 0.0f) {
    const ValueId factor = reader.constant_value("scale", Constant::f32({1}, {scale}));
    const ValueId offset = reader.constant_value("shift", Constant::f32({1}, {shift}));
    base = reader.helper("ChannelAffine", "base", ChannelAffineAttributes{}, {base, factor, offset});
  }
  if (power == 2) return reader.add("Activation", ActivationAttributes{"square", 0, 0}, {base});
  reader.add("Activation", ActivationAttributes{"power", power, 0}, {base});
}

constexpr std::array<LegacyLayer, 6> kLayers = {{
    {"eltwise", read_eltwise},
    {"scaleshift", read_scale_shift},
    {"batchnormalization", read_batch_normalization},
    {"power", read_power},
    {"fakequantize", add_fake_quantize},
    {"quantize", add_fake_quantize},  // its name before v6
}};

}  // namespace

std::span<const LegacyLayer> legacy_eltwise_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
