#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/ops/op.h"
#include "engine/ops/strides.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// Where the elements of an output come from, one table per dimension of the output in file order: the input position of an element
/// is the sum of the entries of its indices (elements of input 0), and an entry `kFill` makes it the fill value.
inline constexpr std::int64_t kFill = -1;
using AxisMaps = std::vector<std::vector<std::int64_t>>;

/// The maps of an operation for an input of `shape` whose dimensions lie `strides` elements apart. Called with shapes that `infer` accepted.
using MakeMaps = AxisMaps (*)(const Attributes&, const Shape& shape,
                              const std::vector<std::int64_t>& strides);

/// 0, stride, 2 * stride … for `extent` indices: a dimension that is kept.
std::vector<std::int64_t> kept(std::int64_t extent, std::int64_t stride);

/// A constant input 0 moved by the maps into `shape`. `fill` is converted to its element type. No maps are made for a result without
/// elements: a dimension beside a 0 may have any length.
Constant fold_maps(const Constant& source, const Attributes& attributes, MakeMaps maps, Shape shape,
                   double fill = 0);

/// The step that moves input 0 of a node to its output, in whichever memory order both have. A quantized u8 value is filled with its
/// zero point, which stands for 0; `fill` counts for other types. Throws UnsupportedError for dimensions beyond 2^24.
std::unique_ptr<Step> plan_maps(const Node& node, PlanContext& context, MakeMaps maps, double fill = 0);

/// Fold and plan of operations without a fill value.
template <MakeMaps maps, auto infer>
std::optional<std::vector<Constant>> fold_by_maps(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0)) return std::nullopt;
  return std::vector{fold_maps(in.constant(0), attributes, maps, infer(attributes, in).front().shape)};
}
template <MakeMaps maps>
std::unique_ptr<Step> plan_by_maps(const Node& node, PlanContext& context) {
  return plan_maps(node, context, maps);
}

}  // namespace refcalib::engine
