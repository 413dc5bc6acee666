#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/layer_editor.h"
#include "engine/formats/ir/layer_reader.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

bool is_type(const Layer& layer, std::string_view type) noexcept {
  return equal_ignoring_case(layer.type, type);
}

/// Replaces FakeQuantize layers on constants by integer constants, one at a time.
class Compressor {
 public:
  explicit Compressor(Document& document) : document_(document), editor_(document) {}

  void run() {
    std::vector<int> candidates;
    for (const Layer& layer : document_.layers)
      if (is_type(layer, "FakeQuantize") && layer.inputs.size() == 5 && layer.outputs.size() == 1)
        candidates.push_back(layer.id);
    for (const int id : candidates) compress(id);
    editor_.remove_unread_constants();
  }

 private:
  /// The constant behind an input: a Const, or a Const behind a Convert.
  std::optional<Constant> constant(const Layer& layer, std::size_t rank) {
    const Layer* source = &editor_.layer(editor_.source(layer, rank).layer);
    if (is_type(*source, "Convert")) source = &editor_.layer(editor_.source(*source, 0).layer);
    if (!is_type(*source, "Const")) return std::nullopt;
    const std::string* type = source->attribute("element_type");
    if (type == nullptr) return std::nullopt;
    return document_constant(document_, constant_blob(*source), source->name, element_type(*type),
                             source->outputs.at(0).dims);
  }

  /// One scale for each value of the limits if they are symmetric, as executed; nothing otherwise.
  static std::optional<std::vector<float>> scales(const std::vector<Constant>& limits) {
    const std::vector<float> low = limits[0].to_floats(), high = limits[1].to_floats();
    if (low.size() != high.size() || low != limits[2].to_floats() || high != limits[3].to_floats())
      return std::nullopt;
    std::vector<QuantizationRange> ranges;
    for (std::size_t i = 0; i < low.size(); ++i) {
      if (low[i] != -high[i] || !(high[i] > 0)) return std::nullopt;
      ranges.push_back({low[i], high[i]});
    }
    return weight_quantization(ranges, 255).scale;
  }

  void compress(int id) {
    const Layer layer = editor_.layer(id);
    const std::string* levels = layer.attribute("levels");
    const std::optional<Constant> data = constant(layer, 0);
    if (!data || !is_float(data->dtype()) || levels == nullptr || *levels != "255") return;
    std::vector<Constant> limits;
    for (std::size_t rank = 1; rank < 5; ++rank) {
      auto limit = constant(layer, rank);
      if (!limit) return;
      limits.push_back(std::move(*limit));
    }
    const bool half = find_element_type(layer.outputs.front().precision) == DType::f16;
    std::optional<std::vector<float>> scale = scales(limits);
    const std::optional<std::size_t> inner = block(data->shape(), limits.front().shape());
    if (!scale || !inner) return;
    if (half)
      for (float& s : *scale) s = half_to_float(float_to_half(s));
    if (std::any_of(scale->begin(), scale->end(), [](float s) { return !std::isnormal(s); })) return;
    replace(layer, integers(data->to_floats(), *scale, *inner), *scale, data->shape(), limits.front().shape(),
            half ? DType::f16 : DType::f32);
  }

  /// Consecutive elements that share a limit: all dimensions of the limits but one are 1.
  static std::optional<std::size_t> block(const Shape& data, const Shape& limits) {
    if (limits.size() > data.size()) return std::nullopt;
    std::size_t inner = 1, varying = 0;
    for (std::size_t d = 0; d < limits.size(); ++d) {
      const std::int64_t size = data[data.size() - 1 - d], limit = limits[limits.size() - 1 - d];
      if (limit != 1) {
        if (limit != size || ++varying > 1) return std::nullopt;
      } else if (varying == 0) {
        inner *= static_cast<std::size_t>(size);
      }
    }
    return inner;
  }

  /// The rule by which the engine packs weights: round_half_even(w * (1 / scale)), clamped.
  static std::vector<std::int8_t> integers(const std::vector<float>& w, const std::vector<float>& scale,
                                           std::size_t inner) {
    std::vector<std::int8_t> q(w.size());
    for (std::size_t e = 0; e < w.size(); ++e) {
      const float inverse = 1.0F / scale[e / inner % scale.size()];
      // In this order NaN becomes a number too.
      q[e] = static_cast<std::int8_t>(std::min(127.0F, std::max(-127.0F, std::nearbyint(w[e] * inverse))));
    }
    return q;
  }

  void replace(const Layer& layer, const std::vector<std::int8_t>& q, const std::vector<float>& scale,
               const Shape& shape, const Shape& scale_shape, DType type) {
    const std::string precision(port_precision(type));
    const PortRef stored =
        editor_.insert_constant(layer.id, layer.name + "/i8", DType::i8, shape, std::as_bytes(std::span(q)));
    Layer& convert = editor_.insert(stored.layer, layer.name + "/convert", "Convert");
    convert.set_attribute("destination_type", std::string(to_string(type)));
    const PortRef integer = LayerEditor::add_input(convert, "I8", shape);
    const PortRef real = LayerEditor::add_output(convert, precision, shape);
    editor_.connect(stored, integer);
    const PortRef factor =
        editor_.insert_constant(real.layer, layer.name + "/scale", type, scale_shape, scale);
    Layer& multiply = editor_.insert(factor.layer, layer.name + "/dequantize", "Multiply");
    multiply.set_attribute("auto_broadcast", "numpy");
    const PortRef a = LayerEditor::add_input(multiply, precision, shape);
    const PortRef b = LayerEditor::add_input(multiply, precision, scale_shape);
    const PortRef product = LayerEditor::add_output(multiply, precision, shape);
    editor_.connect(real, a);
    editor_.connect(factor, b);
    for (const PortRef& reader : editor_.readers({layer.id, layer.outputs.front().id}))
      editor_.reconnect(reader, product);
    editor_.remove_layer(layer.id);
  }

  Document& document_;
  LayerEditor editor_;
};

}  // namespace

Document compress_weights(const Document& document) {
  if (document.legacy()) return document;
  Document result = document;
  Compressor(result).run();
  drop_unused_bytes(result);
  return result;
}

}  // namespace refcalib::engine::ir
