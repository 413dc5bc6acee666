#include <array>
#include <span>

#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

constexpr std::array<LegacyFamily, 10> kFamilies = {
    legacy_convolution_layers, legacy_pooling_layers,  legacy_activation_layers, legacy_eltwise_layers,
    legacy_math_layers,        legacy_movement_layers, legacy_rearrange_layers,  legacy_resize_layers,
    legacy_indexing_layers,    legacy_detection_layers};

}  // namespace

std::span<const LegacyFamily> legacy_families() noexcept {
  return kFamilies;
}

const LegacyLayer* find_legacy_layer(std::string_view type) noexcept {
  for (const LegacyFamily family : kFamilies)
    for (const LegacyLayer& layer : family())
      if (equal_ignoring_case(layer.type, type)) return &layer;
  return nullptr;
}

}  // namespace refcalib::engine::ir
