#include <algorithm>
#include <limits>

#include "engine/ops/axis_maps.h"
#include "engine/ops/computed.h"
#include "engine/ops/infer.h"
#include "engine/ops/rearrange.h"

namespace refcalib::engine {
namespace {

constexpr std::int64_t kMostPadding = std::int64_t{1} << 32;

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& a = attributes.as<PadAttributes>();
  const Shape& x = in.shape(0);
  require(a.begin.size() == x.size() && a.end.size() == x.size(),
          "pads " + std::to_string(a.begin.size()) + " dimensions of " + to_string(x));
  require(a.mode == "constant" || a.mode == "edge" || a.mode == "reflect" || a.mode == "symmetric",
          "padding mode '" + a.mode + "' is none of constant, edge, reflect and symmetric");
  Shape out;
  for (std::size_t d = 0; d < x.size(); ++d) {
    require(std::max(a.begin[d], a.end[d]) <= kMostPadding && std::min(a.begin[d], a.end[d]) >= -kMostPadding,
            "pads by an absurd number of elements");
    const std::int64_t most = a.mode == "reflect"             ? x[d] - 1
                              : a.mode == "symmetric"         ? x[d]
                              : a.mode == "edge" && x[d] == 0 ? 0
                                                              : kMostPadding;
    require(a.begin[d] <= most && a.end[d] <= most,
            "pads dimension " + std::to_string(d) + " of " + to_string(x) + " by more than it can mirror");
    out.push_back(x[d] + a.begin[d] + a.end[d]);
    require(out.back() >= 0, "crops more than dimension " + std::to_string(d) + " of " + to_string(x));
  }
  return {{computed_type(in.dtype(0)), out}};
}

/// The index of the input that position `i` of the padded dimension shows.
std::int64_t shown(const std::string& mode, std::int64_t i, std::int64_t dim) {
  if (i >= 0 && i < dim) return i;
  if (mode == "constant") return -1;
  if (mode == "edge") return i < 0 ? 0 : dim - 1;
  const std::int64_t border = mode == "reflect" ? 0 : 1;
  return i < 0 ? -i - border : 2 * (dim - 1) - i + border;
}

AxisMaps maps(const Attributes& attributes, const Shape& shape, const std::vector<std::int64_t>& strides) {
  const auto& a = attributes.as<PadAttributes>();
  AxisMaps tables(shape.size());
  for (std::size_t d = 0; d < shape.size(); ++d)
    for (std::int64_t i = -a.begin[d]; i < shape[d] + a.end[d]; ++i) {
      const std::int64_t from = shown(a.mode, i, shape[d]);
      tables[d].push_back(from < 0 ? kFill : from * strides[d]);
    }
  return tables;
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0)) return std::nullopt;
  return std::vector{fold_maps(in.constant(0), attributes, maps, infer(attributes, in).front().shape,
                               attributes.as<PadAttributes>().value)};
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_maps(node, context, maps, node.attributes.as<PadAttributes>().value);
}

/// Zero is a value of every quantization, other constants are not.
bool integer_capable(const Graph&, const Node& node) {
  const auto& a = node.attributes.as<PadAttributes>();
  return a.mode != "constant" || a.value == 0;
}

}  // namespace

extern const OpRecord pad_op;
const OpRecord pad_op{.name = "Pad",
                      .infer = infer,
                      .fold = fold,
                      .plan = plan,
                      .rule = QuantizationRule::pass,
                      .integer_capable = integer_capable,
                      .any_layout = true};

}  // namespace refcalib::engine
