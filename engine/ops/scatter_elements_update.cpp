
#include "engine/ops/infer.h"
#include "engine/ops/scatter.h"

namespace refcalib::engine {
namespace {

/// Counting how often each element is updated compares updates with each other.
constexpr std::int64_t kMostAveraged = 4096;

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const OutputType type = scattered_type(in);
  const auto& a = attributes.as<ScatterAttributes>();
  const Shape& indices = in.shape(1);
  const std::int64_t axis = normalize_axis(a.axis, type.shape.size());
  require(indices == in.shape(2) && indices.size() == type.shape.size() && indices.size() <= kWholeRank,
          "indices " + to_string(indices) + " and updates " + to_string(in.shape(2)) + " do not fit data " +
              to_string(type.shape));
  for (std::size_t d = 0; d < indices.size(); ++d)
    require(indices[d] <= type.shape[d] || static_cast<std::int64_t>(d) == axis,
            "indices " + to_string(indices) + " are larger than data " + to_string(type.shape));
  if (scatter_reduction(a.reduction) == ScatterReduction::mean && element_count(indices) > kMostAveraged)
    throw UnsupportedError("means over more than " + std::to_string(kMostAveraged) +
                           " updates are not supported");
  return {type};
}

/// Where update j goes: a position in data, or -1.
class Positions {
 public:
  Positions(Dims data, const WholeInput& indices, std::size_t axis) noexcept
      : data_(data), indices_(indices), axis_(axis) {}
  std::int64_t count() const noexcept { return product(indices_.shape, 0, indices_.shape.size()); }
  std::int64_t of(std::int64_t j) const noexcept {
    std::int64_t rest = j, position = 0, stride = 1;
    for (std::size_t d = data_.size(); d-- > 0;) {
      std::int64_t at = rest % indices_.shape[d];
      rest /= indices_.shape[d];
      if (d == axis_) at = wrapped(indices_.integer(j), data_[d]);
      if (at < 0) return -1;
      position += at * stride;
      stride *= data_[d];
    }
    return position;
  }

 private:
  Dims data_;
  const WholeInput& indices_;
  std::size_t axis_;
};

/// Divides each updated element once, at its first update.
void average(const Positions& positions, const ScatterElement& element, bool initial,
             const WholeOutput& out) noexcept {
  for (std::int64_t j = 0; j < positions.count(); ++j) {
    const std::int64_t at = positions.of(j);
    std::int64_t count = initial ? 1 : 0;
    for (std::int64_t k = 0; k < positions.count() && at >= 0 && count >= 0; ++k)
      if (positions.of(k) == at) count = k < j ? -1 : count + 1;
    if (at >= 0 && count > 0)
      element.divide(out.data + at * static_cast<std::int64_t>(out.element_size()), count);
  }
}

void compute(const Attributes& attributes, std::span<const WholeInput> in, const WholeOutput& out) noexcept {
  const auto& a = attributes.as<ScatterAttributes>();
  const ScatterReduction reduction = scatter_reduction(a.reduction);
  const ScatterElement element(reduction, out.dtype);
  const Positions positions(out.shape, in[1], axis_index(a.axis, out.shape));
  const auto size = static_cast<std::int64_t>(out.element_size());
  copy_elements(out.data, in[0].data, product(out.shape, 0, out.shape.size()), out.element_size());
  const std::int64_t count = positions.count();
  for (std::int64_t j = 0; j < count && !a.use_init_val; ++j)
    if (const std::int64_t at = positions.of(j); at >= 0) element.neutral(out.data + at * size);
  for (std::int64_t j = 0; j < count; ++j)
    if (const std::int64_t at = positions.of(j); at >= 0)
      element.apply(out.data + at * size, in[2].data + j * size);
  if (reduction == ScatterReduction::mean) average(positions, element, a.use_init_val, out);
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return fold_whole(attributes, in, infer(attributes, in).front(), compute);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_whole(node, context, "scatter_elements_update", compute);
}

}  // namespace

extern const OpRecord scatter_elements_update_op;
const OpRecord scatter_elements_update_op{
    .name = "ScatterElementsUpdate", .infer = infer, .fold = fold, .plan = plan};

}  // namespace refcalib::engine
