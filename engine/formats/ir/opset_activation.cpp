#include <array>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/opset_layers.h"

namespace refcalib::engine::ir {
namespace {

void read_clamp(LayerReader& reader) {
  const double low = reader.real("min");
  const double high = reader.real("max");
  if (!(low <= high)) throw FormatError("the lower limit exceeds the upper one");
  add_activation(reader, "clamp", low, high);
}

double scalar(const LayerReader& reader, std::size_t rank) {
  const std::vector<float> values = reader.constant(rank).to_floats();
  if (values.size() != 1)
    throw UnsupportedError("input " + std::to_string(rank) + " must be a single number");
  return static_cast<double>(values.front());
}

/// A slope of shape [C] or [1, C, 1, 1] belongs to dimension 1.
void read_prelu(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  const Constant& slope = reader.constant(1);
  const Shape& shape = slope.shape();
  if (shape.size() > 1)
    for (std::size_t i = 0; i < shape.size(); ++i)
      if (shape[i] != 1 && i + reader.shape(0).size() - shape.size() != 1)
        throw UnsupportedError("a slope of shape " + to_string(shape) + " is not supported");
  add_prelu(reader, slope);
}

void read_gelu(LayerReader& reader) {
  add_activation(reader, reader.word("approximation_mode", "erf") == "tanh" ? "gelu_tanh" : "gelu");
}

constexpr std::array<OpsetLayer, 26> kLayers = {{
    {"relu", 1, kNewest, [](LayerReader& r) { add_activation(r, "relu"); }},
    {"clamp", 1, kNewest, read_clamp},
    {"prelu", 1, kNewest, read_prelu},
    {"elu", 1, kNewest, [](LayerReader& r) { add_activation(r, "elu", r.real("alpha")); }},
    {"sigmoid", 1, kNewest, [](LayerReader& r) { add_activation(r, "sigmoid"); }},
    {"tanh", 1, kNewest, [](LayerReader& r) { add_activation(r, "tanh"); }},
    {"exp", 1, kNewest, [](LayerReader& r) { add_activation(r, "exp"); }},
    {"log", 1, kNewest, [](LayerReader& r) { add_activation(r, "log"); }},
    {"sqrt", 1, kNewest, [](LayerReader& r) { add_activation(r, "sqrt"); }},
    {"abs", 1, kNewest, [](LayerReader& r) { add_activation(r, "abs"); }},
    {"negative", 1, kNewest, [](LayerReader& r) { add_activation(r, "neg"); }},
    {"erf", 1, kNewest, [](LayerReader& r) { add_activation(r, "erf"); }},
    {"floor", 1, kNewest, [](LayerReader& r) { add_activation(r, "floor"); }},
    {"ceiling", 1, kNewest, [](LayerReader& r) { add_activation(r, "ceil"); }},
    {"hardsigmoid", 1, kNewest,
     [](LayerReader& r) { add_activation(r, "hard_sigmoid", scalar(r, 1), scalar(r, 2)); }},
    {"gelu", 2, 6, [](LayerReader& r) { add_activation(r, "gelu"); }},
    {"gelu", 7, kNewest, read_gelu},
    {"hswish", 4, kNewest, [](LayerReader& r) { add_activation(r, "hswish"); }},
    {"swish", 4, kNewest,
     [](LayerReader& r) { add_activation(r, "swish", r.input_count() > 1 ? scalar(r, 1) : 1.0); }},
    {"mish", 4, kNewest, [](LayerReader& r) { add_activation(r, "mish"); }},
    {"softplus", 4, kNewest, [](LayerReader& r) { add_activation(r, "softplus"); }},
    {"hsigmoid", 5, kNewest, [](LayerReader& r) { add_activation(r, "hsigmoid"); }},
    {"softmax", 1, kNewest, [](LayerReader& r) { add_softmax(r, r.integer("axis", 1), false); }},
    {"logsoftmax", 5, kNewest, [](LayerReader& r) { add_softmax(r, r.integer("axis", 1), true); }},
    {"fakequantize", 1, kNewest, add_fake_quantize},
    {"identity", 16, kNewest, add_identity},
}};

}  // namespace

std::span<const OpsetLayer> opset_activation_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
