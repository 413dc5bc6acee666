#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/movement.h"

namespace refcalib::engine {
namespace {

Shape target_shape(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 2);
  const Shape& from = in.shape(0);
  Shape to = in.constant(1).to_ints();
  const bool special_zero = attributes.as<ReshapeAttributes>().special_zero;
  std::int64_t known = 1;
  std::size_t inferred = to.size();
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] == 0 && special_zero) {
      require(i < from.size(), "Reshape copies a dimension that " + to_string(from) + " does not have");
      to[i] = from[i];
    }
    if (to[i] == -1) {
      require(inferred == to.size(), "Reshape has more than one dimension to infer");
      inferred = i;
    } else {
      require(to[i] >= 0, "Reshape to a negative dimension");
      known = element_count({known, to[i]});
    }
  }
  const std::int64_t count = element_count(from);
  if (inferred < to.size()) {
    require(known > 0 && count % known == 0, "cannot reshape " + to_string(from) + " to " + to_string(to));
    to[inferred] = count / known;
  }
  require(element_count(to) == count, "cannot reshape " + to_string(from) + " to " + to_string(to));
  return to;
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  return {{in.dtype(0), target_shape(attributes, in)}};
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0)) return std::nullopt;
  return std::vector{in.constant(0).reshaped(target_shape(attributes, in))};
}

}  // namespace

extern const OpRecord reshape_op;
const OpRecord reshape_op{.name = "Reshape",
                          .infer = infer,
                          .fold = fold,
                          .rule = QuantizationRule::pass,
                          .aliasing = Aliasing::view};

}  // namespace refcalib::engine
