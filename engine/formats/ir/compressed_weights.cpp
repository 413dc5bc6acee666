#include "engine/formats/ir/compressed_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/formats/ir/text.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine::ir {
namespace {

bool all_usable(const std::vector<float>& scales) {
  return !scales.empty() &&
         std::all_of(scales.begin(), scales.end(), [](float s) { return s > 0 && std::isnormal(s); });
}

}  // namespace

bool CompressedWeights::is_type(std::size_t layer, std::string_view type) const noexcept {
  return equal_ignoring_case(document_.layers[layer].type, type);
}

bool CompressedWeights::reads_integers(std::size_t layer, std::size_t rank, const Graph& graph,
                                       ValueId product, const Scales& scales) const {
  const auto input = wiring_.source(layer, rank);
  if (!input) return false;
  std::size_t at = input->layer;
  if (is_type(at, "Subtract")) {
    const auto minuend = wiring_.source(at, 0);
    if (!minuend) return false;
    at = minuend->layer;
  }
  if (!is_type(at, "Convert")) return false;
  const auto source = wiring_.source(at, 0);
  if (!source || !is_type(source->layer, "Const")) return false;
  const std::string* type = document_.layers[source->layer].attribute("element_type");
  if (type == nullptr || !(equal_ignoring_case(*type, "i8") || equal_ignoring_case(*type, "u8")))
    return false;
  const std::vector<float> w = graph.value(product).constant.to_floats();
  for (std::size_t e = 0; e < w.size(); ++e) {
    const float q = w[e] / scales.scale[e / scales.inner % scales.scale.size()];
    constexpr float tolerance = 1e-3F;  // scales and products may have been rounded to 16 bits
    if (!(q > -128.5F && q < 127.5F) ||
        std::abs(q - std::nearbyint(q)) > tolerance * std::max(1.0F, std::abs(q)))
      return false;
  }
  return true;
}

void CompressedWeights::visit(std::size_t layer, const Graph& graph, ValueId value) {
  if (!graph.value(value).constant || !is_float(graph.value(value).dtype)) return;
  if (graph.value(value).constant.integers() != nullptr) return;  // says itself what its integers are
  values_[layer] = value;
  const auto known = [&](std::size_t rank) -> std::optional<ValueId> {
    const auto source = wiring_.source(layer, rank);
    const auto it = source ? values_.find(source->layer) : values_.end();
    return it == values_.end() ? std::nullopt : std::optional(it->second);
  };
  if (is_type(layer, "Reshape") || is_type(layer, "Convert")) {
    const auto source = known(0);
    if (source && found_.contains(*source)) found_.emplace(value, found_.at(*source));
    return;
  }
  if (!is_type(layer, "Multiply")) return;
  for (std::size_t rank = 0; rank < 2; ++rank) {
    const auto factor = known(1 - rank);
    if (!factor) continue;
    const Constant& scale = graph.value(*factor).constant;
    const Shape& shape = graph.value(value).shape;
    // Trailing dimensions of 1 are what one scale counts for.
    std::size_t inner = 1, trailing = 0;
    while (trailing < scale.shape().size() && trailing < shape.size() &&
           scale.shape()[scale.shape().size() - 1 - trailing] == 1) {
      inner *= static_cast<std::size_t>(shape[shape.size() - 1 - trailing]);
      ++trailing;
    }
    Scales scales{scale.to_floats(), inner};
    if (!all_usable(scales.scale) || !reads_integers(layer, rank, graph, value, scales)) continue;
    found_.emplace(value, std::move(scales));
    return;
  }
}

std::optional<CompressedWeights::Scales> CompressedWeights::scales_of(const Graph& graph,
                                                                      ValueId value) const {
  const Constant& weights = graph.value(value).constant;
  if (!weights || weights.count() == 0) return std::nullopt;
  if (const ScaledIntegers* integers = weights.integers()) {
    if (!all_usable(integers->scale)) return std::nullopt;
    return Scales{integers->scale, integers->inner};
  }
  if (const auto found = found_.find(value); found != found_.end()) return found->second;
  // The reader gives the weights of convolutions a dimension for the groups: another value over the same bytes.
  for (const auto& [known, scales] : found_) {
    const Constant& other = graph.value(known).constant;
    if (other && other.integers() == nullptr && other.bytes().data() == weights.bytes().data() &&
        other.count() == weights.count())
      return scales;
  }
  return std::nullopt;
}

void CompressedWeights::apply(Graph& graph) const {
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (weighted_traits(node) == nullptr || node.inputs.size() < 2) continue;
    const Value& weights = graph.value(node.inputs[1]);
    const std::optional<Scales> scales = scales_of(graph, node.inputs[1]);
    if (!scales || weights.quantization) continue;
    const WeightChannels channels = weight_channels_of(graph, node);
    std::vector<float> scale(channels.count(), 0.0F);
    const auto elements = static_cast<std::size_t>(weights.constant.count());
    bool per_channel = true;
    // Neither scale nor channel changes within a step.
    const std::size_t step = std::gcd(scales->inner, static_cast<std::size_t>(channels.inner));
    for (std::size_t e = 0; e < elements && per_channel; e += step) {
      float& known = scale[channels.of(e)];
      const float here = scales->scale[e / scales->inner % scales->scale.size()];
      per_channel = known == 0.0F || known == here;
      known = here;
    }
    if (!per_channel) continue;
    Quantization q;
    q.scale = std::move(scale);
    q.zero_point = 0;
    q.qmin = -128;
    q.qmax = 127;
    graph.value(node.inputs[1]).quantization = std::move(q);
  }
}

}  // namespace refcalib::engine::ir
