#include <array>
#include <charconv>
#include <span>

#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

/// The number of "opsetN"; 0 for extensions and other sets.
int opset_number(std::string_view version) noexcept {
  constexpr std::string_view prefix = "opset";
  if (version.substr(0, prefix.size()) != prefix) return 0;
  const std::string_view digits = version.substr(prefix.size());
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc{} && end == digits.data() + digits.size() ? number : 0;
}

constexpr std::array<OpsetFamily, 10> kFamilies = {
    opset_convolution_layers, opset_pooling_layers,  opset_activation_layers, opset_eltwise_layers,
    opset_math_layers,        opset_movement_layers, opset_rearrange_layers,  opset_resize_layers,
    opset_indexing_layers,    opset_detection_layers};

}  // namespace

std::span<const OpsetFamily> opset_families() noexcept {
  return kFamilies;
}

const OpsetLayer* find_opset_layer(std::string_view type, std::string_view version) noexcept {
  const int number = opset_number(version);
  for (const OpsetFamily family : kFamilies)
    for (const OpsetLayer& layer : family())
      if (number >= layer.since && number <= layer.last && equal_ignoring_case(layer.type, type))
        return &layer;
  return nullptr;
}

}  // namespace refcalib::engine::ir
