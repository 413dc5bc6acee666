#include <array>

#include "engine/formats/ir/indexing_layers.h"
#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/rearrange_layers.h"

namespace refcalib::engine::ir {
namespace {

void read_one_hot(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  const auto value = [&](const char* key, double absent) {
    return reader.constant_value(key, Constant::f32({}, {static_cast<float>(reader.real(key, absent))}));
  };
  const ValueId on = value("on_value", 1), off = value("off_value", 0);
  add_one_hot(reader, reader.integer("axis", -1), reader.integer("depth"), on, off);
}

constexpr std::array<LegacyLayer, 4> kLayers = {{
    {"gather", [](LayerReader& r) { add_gather(r, r.integer("axis", 0), 0, false); }},
    {"onehot", read_one_hot},
    {"scatterupdate", [](LayerReader& r) { add_scatter(r, "ScatterUpdate", "none", true); }},
    {"nonzero", [](LayerReader& r) { r.add("NonZero", Attributes{}, {r.input(0)}); }},
}};

}  // namespace

std::span<const LegacyLayer> legacy_indexing_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
