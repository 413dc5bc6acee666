#include "engine/ops/infer.h"
#include "engine/ops/scatter.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const OutputType type = scattered_type(in);
  const Shape &data = type.shape, &indices = in.shape(1);
  require(scatter_reduction(attributes.as<ScatterAttributes>().reduction) != ScatterReduction::mean,
          "reduction 'mean' is unknown");
  require(!indices.empty() && indices.back() >= 1 && indices.back() <= static_cast<std::int64_t>(data.size()),
          "indices of shape " + to_string(indices) + " do not address " + to_string(data));
  Shape updates(indices.begin(), indices.end() - 1);
  updates.insert(updates.end(), data.begin() + indices.back(), data.end());
  require(element_count(updates) == element_count(in.shape(2)),
          "updates have the shape " + to_string(in.shape(2)) + ", not " + to_string(updates));
  return {type};
}

void compute(const Attributes& attributes, std::span<const WholeInput> in, const WholeOutput& out) noexcept {
  const ScatterElement element(scatter_reduction(attributes.as<ScatterAttributes>().reduction), out.dtype);
  const Dims data = out.shape, indices = in[1].shape;
  const auto depth = static_cast<std::size_t>(indices.back());
  const std::int64_t rows = product(indices, 0, indices.size() - 1),
                     slice = product(data, depth, data.size());
  const auto size = static_cast<std::int64_t>(out.element_size());
  copy_elements(out.data, in[0].data, product(data, 0, data.size()), out.element_size());
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int64_t position = 0;
    bool inside = true;
    for (std::size_t k = 0; k < depth && inside; ++k) {
      const std::int64_t index =
          wrapped(in[1].integer(row * indices.back() + static_cast<std::int64_t>(k)), data[k]);
      inside = index >= 0;
      position = position * data[k] + index;
    }
    for (std::int64_t i = 0; inside && i < slice; ++i)
      element.apply(out.data + (position * slice + i) * size, in[2].data + (row * slice + i) * size);
  }
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return fold_whole(attributes, in, infer(attributes, in).front(), compute);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_whole(node, context, "scatter_nd_update", compute);
}

}  // namespace

extern const OpRecord scatter_nd_update_op;
const OpRecord scatter_nd_update_op{.name = "ScatterNDUpdate", .infer = infer, .fold = fold, .plan = plan};

}  // namespace refcalib::engine
