#include <array>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/legacy_layers.h"

namespace refcalib::engine::ir {
namespace {

void read_relu(LayerReader& reader) {
  const double slope = reader.real("negative_slope", 0);
  if (slope == 0) return add_activation(reader, "relu");
  add_activation(reader, "leaky_relu", slope);
}

void clamp(LayerReader& reader, double low, double high) {
  if (!(low <= high)) throw FormatError("the lower limit exceeds the upper one");
  add_activation(reader, "clamp", low, high);
}

void read_prelu(LayerReader& reader) {
  if (!reader.has_blob("weights") && reader.input_count() > 1) return add_general_prelu(reader);
  add_prelu(reader, reader.blob("weights", {reader.blob_count("weights")}));
}

/// An Activation names another layer type in its attribute `type`.
void read_wrapper(LayerReader& reader) {
  std::string type = reader.word("type", "");
  if (type.empty()) throw FormatError("attribute 'type' is missing");
  for (const LegacyLayer& layer : legacy_activation_layers())
    if (layer.type == type && layer.read != read_wrapper) return layer.read(reader);
  throw UnsupportedError("activation '" + type + "' is not supported");
}

constexpr std::array<LegacyLayer, 47> kLayers = {{
    {"activation", read_wrapper},
    {"relu", read_relu},
    {"relu6", [](LayerReader& r) { clamp(r, 0, r.real("n", 6)); }},
    {"clamp", [](LayerReader& r) { clamp(r, r.real("min"), r.real("max")); }},
    {"bounded_relu", [](LayerReader& r) { clamp(r, 0, r.real("alpha", 6)); }},
    {"prelu", read_prelu},
    {"elu", [](LayerReader& r) { add_activation(r, "elu", r.real("alpha", 1)); }},
    {"sigmoid", [](LayerReader& r) { add_activation(r, "sigmoid"); }},
    {"logistic", [](LayerReader& r) { add_activation(r, "sigmoid"); }},
    {"tanh", [](LayerReader& r) { add_activation(r, "tanh"); }},
    {"exp", [](LayerReader& r) { add_activation(r, "exp"); }},
    {"log", [](LayerReader& r) { add_activation(r, "log"); }},
    {"abs", [](LayerReader& r) { add_activation(r, "abs"); }},
    {"sqrt", [](LayerReader& r) { add_activation(r, "sqrt"); }},
    {"square", [](LayerReader& r) { add_activation(r, "square"); }},
    {"neg", [](LayerReader& r) { add_activation(r, "neg"); }},
    {"erf", [](LayerReader& r) { add_activation(r, "erf"); }},
    {"floor", [](LayerReader& r) { add_activation(r, "floor"); }},
    {"ceil", [](LayerReader& r) { add_activation(r, "ceil"); }},
    {"reciprocal", [](LayerReader& r) { add_activation(r, "reciprocal"); }},
    {"softplus", [](LayerReader& r) { add_activation(r, "softplus"); }},
    {"soft_relu", [](LayerReader& r) { add_activation(r, "softplus"); }},
    {"linear", [](LayerReader& r) { add_activation(r, "linear", r.real("alpha", 1), r.real("beta", 0)); }},
    {"hardsigmoid",
     [](LayerReader& r) { add_activation(r, "hard_sigmoid", r.real("alpha", 0.2), r.real("beta", 0.5)); }},
    {"sin", [](LayerReader& r) { add_activation(r, "sin"); }},
    {"cos", [](LayerReader& r) { add_activation(r, "cos"); }},
    {"tan", [](LayerReader& r) { add_activation(r, "tan"); }},
    {"asin", [](LayerReader& r) { add_activation(r, "asin"); }},
    {"acos", [](LayerReader& r) { add_activation(r, "acos"); }},
    {"atan", [](LayerReader& r) { add_activation(r, "atan"); }},
    {"sinh", [](LayerReader& r) { add_activation(r, "sinh"); }},
    {"cosh", [](LayerReader& r) { add_activation(r, "cosh"); }},
    {"asinh", [](LayerReader& r) { add_activation(r, "asinh"); }},
    {"acosh", [](LayerReader& r) { add_activation(r, "acosh"); }},
    {"atanh", [](LayerReader& r) { add_activation(r, "atanh"); }},
    {"sign", [](LayerReader& r) { add_activation(r, "sign"); }},
    {"softsign", [](LayerReader& r) { add_activation(r, "softsign"); }},
    {"not", [](LayerReader& r) { add_activation(r, "logical_not"); }},
    {"logical_not", [](LayerReader& r) { add_activation(r, "logical_not"); }},
    {"ceiling", [](LayerReader& r) { add_activation(r, "ceil"); }},
    {"gelu", [](LayerReader& r) { add_activation(r, "gelu"); }},
    {"mish", [](LayerReader& r) { add_activation(r, "mish"); }},
    {"hswish", [](LayerReader& r) { add_activation(r, "hswish"); }},
    {"hsigmoid", [](LayerReader& r) { add_activation(r, "hsigmoid"); }},
    {"swish", [](LayerReader& r) { add_activation(r, "swish", r.real("beta", 1)); }},
    {"selu",
     [](LayerReader& r) { add_activation(r, "selu", r.real("alpha", 1.67326), r.real("gamma", 1.0507)); }},
    {"softmax", [](LayerReader& r) { add_softmax(r, r.integer("axis", 1), false); }},
}};

}  // namespace

std::span<const LegacyLayer> legacy_activation_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
