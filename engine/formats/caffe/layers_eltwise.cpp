#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/caffe/layers.h"

namespace refcalib::engine::caffe {
namespace {

/// The bottoms from left to right; the last step bears the layer's name.
void add_chain(CaffeLayer& layer, const char* type, std::vector<ValueId> operands) {
  ValueId left = operands.front();
  for (std::size_t i = 1; i < operands.size(); ++i) {
    if (i + 1 == operands.size()) return layer.add({type, 1}, {}, {left, operands[i]});
    left = layer.helper({type, 1}, std::to_string(i), {}, {left, operands[i]});
  }
}

void read_eltwise(CaffeLayer& layer) {
  layer.expect_inputs(2, 1000);
  const proto::EltwiseParameter& p = layer.parameter().eltwise_param();
  for (std::size_t i = 1; i < layer.input_count(); ++i)
    if (layer.shape(i) != layer.shape(0))
      throw FormatError("the bottoms have the shapes " + to_string(layer.shape(0)) + " and " +
                        to_string(layer.shape(i)));
  if (p.operation() == proto::EltwiseParameter::PROD) return add_chain(layer, "Multiply", layer.inputs());
  if (p.operation() == proto::EltwiseParameter::MAX) return add_chain(layer, "Maximum", layer.inputs());
  if (p.coeff_size() == 0) return add_chain(layer, "Add", layer.inputs());
  if (static_cast<std::size_t>(p.coeff_size()) != layer.input_count())
    throw FormatError("there are " + std::to_string(p.coeff_size()) + " coefficients for " +
                      std::to_string(layer.input_count()) + " bottoms");
  if (p.coeff_size() == 2 && p.coeff(0) == 1 && p.coeff(1) == -1)
    return layer.add({"Subtract", 1}, {}, layer.inputs());
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < layer.input_count(); ++i) {
    const float factor = p.coeff(static_cast<int>(i));
    const std::string suffix = "scaled_" + std::to_string(i);
    operands.push_back(factor == 1
                           ? layer.input(i)
                           : layer.helper({"Multiply", 1}, suffix, {},
                                          {layer.input(i), layer.number(suffix + "/factor", factor)}));
  }
  add_chain(layer, "Add", std::move(operands));
}

constexpr LayerType kTypes[] = {
    {"Eltwise", read_eltwise},
};

}  // namespace

std::span<const LayerType> eltwise_types() noexcept {
  return kTypes;
}

}  // namespace refcalib::engine::caffe
