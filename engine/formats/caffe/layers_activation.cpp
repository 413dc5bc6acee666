#include <cmath>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/caffe/layers.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::caffe {
namespace {

void add_plain(CaffeLayer& layer, const char* type) {
  layer.expect_inputs(1, 1);
  layer.add({type, 1}, {}, {layer.input()});
}

/// Of two slopes, where the negative one is not 0.
void read_relu(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const float slope = layer.parameter().relu_param().negative_slope();
  if (slope == 0) return layer.add({"ReLU", 1}, {}, {layer.input()});
  layer.add({"PReLU", 1}, {}, {layer.input(), layer.floats("slope", {1}, {slope})});
}

void read_prelu(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  if (layer.shape().size() < 2) throw FormatError("the blob has no channels");
  const std::vector<float>& slope = layer.channel_blob(0, layer.shape()[1], "slopes");
  const auto count = static_cast<std::int64_t>(slope.size());
  layer.add({"PReLU", 1}, {}, {layer.input(), layer.floats("slope", {count}, slope)});
}

void read_elu(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  layer.add({"Elu", 1}, {{"alpha", ir::format_float(layer.parameter().elu_param().alpha())}},
            {layer.input()});
}

void add_clamp(CaffeLayer& layer, float low, float high) {
  layer.expect_inputs(1, 1);
  layer.add({"Clamp", 1}, {{"min", ir::format_float(low)}, {"max", ir::format_float(high)}}, {layer.input()});
}

void read_clip(CaffeLayer& layer) {
  const proto::ClipParameter& p = layer.parameter().clip_param();
  add_clamp(layer, p.min(), p.max());
}

/// shift + scale * x; `last`: as the layer's result.
ValueId linear(CaffeLayer& layer, float scale, float shift, bool last) {
  ValueId value = layer.input();
  const bool scaled = scale != 1, shifted = shift != 0;
  const auto step = [&](const char* type, const char* suffix, float constant, bool final) {
    const ValueId operand = layer.number(std::string(suffix) + "/constant", constant);
    if (!final) {
      value = layer.helper({type, 1}, suffix, {}, {value, operand});
      return;
    }
    layer.add({type, 1}, {}, {value, operand});
    value = layer.output(0);
  };
  if (scaled) step("Multiply", "scaled", scale, last && !shifted);
  if (shifted) step("Add", "shifted", shift, last);
  return value;
}

/// (shift + scale * x) ^ power
void read_power(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::PowerParameter& p = layer.parameter().power_param();
  const ValueId base = linear(layer, p.scale(), p.shift(), p.power() == 1);
  if (p.power() == 1) return layer.set_output(0, base);
  layer.add({"Power", 1}, {}, {base, layer.number("power", p.power())});
}

/// base ^ (shift + scale * x); a base of -1 is e.
void read_exp(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::ExpParameter& p = layer.parameter().exp_param();
  if (p.base() != -1 && !(p.base() > 0)) throw FormatError("the base is not positive");
  const float log = p.base() == -1 ? 1.0F : std::log(p.base());
  layer.add({"Exp", 1}, {}, {linear(layer, p.scale() * log, p.shift() * log, false)});
}

/// The logarithm of shift + scale * x to a base; -1 is e.
void read_log(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::LogParameter& p = layer.parameter().log_param();
  if (p.base() != -1 && (!(p.base() > 0) || p.base() == 1))
    throw FormatError("the base is not a positive number other than 1");
  const ValueId inner = linear(layer, p.scale(), p.shift(), false);
  if (p.base() == -1) return layer.add({"Log", 1}, {}, {inner});
  const ValueId natural = layer.helper({"Log", 1}, "natural", {}, {inner});
  layer.add({"Multiply", 1}, {}, {natural, layer.number("factor", 1 / std::log(p.base()))});
}

/// log(1 + e^x)
void read_bnll(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  layer.add({"SoftPlus", 4}, {}, {layer.input()});
}

/// 1 above the threshold, else 0.
void read_threshold(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const ValueId limit = layer.number("limit", layer.parameter().threshold_param().threshold());
  const ValueId above = layer.helper({"Greater", 1}, "above", {}, {layer.input(), limit});
  layer.add({"Convert", 1}, {{"destination_type", "f32"}}, {above});
}

void read_softmax(CaffeLayer& layer) {
  if (layer.parameter().type() == "Softmax") layer.expect_inputs(1, 1);
  const std::size_t axis = layer.axis(layer.parameter().softmax_param().axis());
  layer.add({"SoftMax", 1}, {{"axis", std::to_string(axis)}}, {layer.input()});
}

/// Training drops elements; a network that is run does not.
void read_unchanged(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  for (std::size_t k = 0; k < layer.output_count(); ++k) layer.set_output(k, layer.input());
}

constexpr LayerType kTypes[] = {
    {"ReLU", read_relu},
    {"ReLU6", [](CaffeLayer& l) { add_clamp(l, 0, l.parameter().relu6_param().threshold()); }},
    {"PReLU", read_prelu},
    {"ELU", read_elu},
    {"Clip", read_clip},
    {"Sigmoid", [](CaffeLayer& l) { add_plain(l, "Sigmoid"); }},
    {"TanH", [](CaffeLayer& l) { add_plain(l, "Tanh"); }},
    {"AbsVal", [](CaffeLayer& l) { add_plain(l, "Abs"); }},
    {"Power", read_power},
    {"Exp", read_exp},
    {"Log", read_log},
    {"BNLL", read_bnll},
    {"Threshold", read_threshold},
    {"Softmax", read_softmax},
    {"Dropout", read_unchanged},
    {"Split", read_unchanged},
};

}  // namespace

std::span<const LayerType> activation_types() noexcept {
  return kTypes;
}

}  // namespace refcalib::engine::caffe
