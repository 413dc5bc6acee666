#include <array>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/opset_layers.h"

namespace refcalib::engine::ir {
namespace {

void eltwise(LayerReader& reader, const char* operation) {
  reader.expect_inputs(2, 2);
  const std::string broadcast = reader.word("auto_broadcast", "numpy");
  const bool equal = reader.shape(0) == reader.shape(1);
  if (broadcast == "pdpd" && !equal)
    throw UnsupportedError("auto_broadcast 'pdpd' is not supported",
                           {"", "", "convert the model with numpy rules"});
  if (broadcast == "none" && !equal)
    throw FormatError("inputs of shape " + to_string(reader.shape(0)) + " and " + to_string(reader.shape(1)) +
                      " differ although auto_broadcast is 'none'");
  for (std::size_t rank = 0; rank < 2; ++rank)
    if (reader.is_constant(rank)) check_finite(reader.constant(rank), "constant operand");
  add_eltwise(reader, operation, reader.inputs());
}

/// Version 5 orders its inputs data, gamma, beta, mean, variance; version 1 has the data in the third place,
/// where some writers put it first: the data is what has more than one dimension.
void batch_norm(LayerReader& reader, bool version1) {
  reader.expect_inputs(5, 5);
  const bool data_third = version1 && reader.shape(0).size() == 1;
  const std::size_t data = data_third ? 2 : 0;
  const std::size_t gamma = data_third ? 0 : 1;
  add_batch_norm(reader, reader.input(data), reader.constant(3).to_floats(), reader.constant(4).to_floats(),
                 reader.constant(gamma).to_floats(), reader.constant(gamma + 1).to_floats(),
                 reader.real("epsilon"));
}

constexpr std::array<OpsetLayer, 21> kLayers = {{
    {"add", 1, kNewest, [](LayerReader& r) { eltwise(r, "add"); }},
    {"subtract", 1, kNewest, [](LayerReader& r) { eltwise(r, "sub"); }},
    {"multiply", 1, kNewest, [](LayerReader& r) { eltwise(r, "mul"); }},
    {"divide", 1, kNewest, [](LayerReader& r) { eltwise(r, "div"); }},
    {"maximum", 1, kNewest, [](LayerReader& r) { eltwise(r, "max"); }},
    {"minimum", 1, kNewest, [](LayerReader& r) { eltwise(r, "min"); }},
    {"power", 1, kNewest, [](LayerReader& r) { eltwise(r, "pow"); }},
    {"squareddifference", 1, kNewest, [](LayerReader& r) { eltwise(r, "squared_difference"); }},
    {"mod", 1, kNewest, [](LayerReader& r) { eltwise(r, "mod"); }},
    {"floormod", 1, kNewest, [](LayerReader& r) { eltwise(r, "floor_mod"); }},
    {"equal", 1, kNewest, [](LayerReader& r) { eltwise(r, "equal"); }},
    {"notequal", 1, kNewest, [](LayerReader& r) { eltwise(r, "not_equal"); }},
    {"less", 1, kNewest, [](LayerReader& r) { eltwise(r, "less"); }},
    {"lessequal", 1, kNewest, [](LayerReader& r) { eltwise(r, "less_equal"); }},
    {"greater", 1, kNewest, [](LayerReader& r) { eltwise(r, "greater"); }},
    {"greaterequal", 1, kNewest, [](LayerReader& r) { eltwise(r, "greater_equal"); }},
    {"logicaland", 1, kNewest, [](LayerReader& r) { eltwise(r, "logical_and"); }},
    {"logicalor", 1, kNewest, [](LayerReader& r) { eltwise(r, "logical_or"); }},
    {"logicalxor", 1, kNewest, [](LayerReader& r) { eltwise(r, "logical_xor"); }},
    {"batchnorminference", 1, 4, [](LayerReader& r) { batch_norm(r, true); }},
    {"batchnorminference", 5, kNewest, [](LayerReader& r) { batch_norm(r, false); }},
}};

}  // namespace

std::span<const OpsetLayer> opset_eltwise_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
