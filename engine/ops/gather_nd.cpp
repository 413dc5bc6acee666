#include "engine/ops/computed.h"
#include "engine/ops/indexing.h"
#include "engine/ops/infer.h"
#include "engine/ops/whole_tensor.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 2);
  const auto& a = attributes.as<GatherNDAttributes>();
  const Shape &data = in.shape(0), &indices = in.shape(1);
  require(!indices.empty(), "the indices are a scalar");
  const auto batch = static_cast<std::size_t>(std::max<std::int64_t>(a.batch_dims, 0));
  require(a.batch_dims >= 0 && batch < indices.size() && batch <= data.size() && indices.back() >= 1 &&
              indices.back() <= static_cast<std::int64_t>(data.size() - batch),
          "indices of shape " + to_string(indices) + " do not address " + to_string(data));
  for (std::size_t d = 0; d < batch; ++d)
    require(data[d] == indices[d], "data and indices differ in a batch dimension");
  Shape shape(indices.begin(), indices.end() - 1);
  if (a.flatten_batch && batch > 1) {
    const std::int64_t joined = product(indices, 0, batch);
    shape.erase(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(batch));
    shape.insert(shape.begin(), joined);
  }
  shape.insert(shape.end(), data.begin() + static_cast<std::ptrdiff_t>(batch) + indices.back(), data.end());
  return {{computed_type(in.dtype(0)), shape}};
}

void compute(const Attributes& attributes, std::span<const WholeInput> in, const WholeOutput& out) noexcept {
  const auto batch_dims = static_cast<std::size_t>(attributes.as<GatherNDAttributes>().batch_dims);
  const Dims data = in[0].shape, indices = in[1].shape;
  const auto depth = static_cast<std::size_t>(indices.back());
  const std::int64_t batch = product(data, 0, batch_dims),
                     rows = product(indices, batch_dims, indices.size() - 1),
                     whole = product(data, batch_dims, data.size()),
                     slice = product(data, batch_dims + depth, data.size());
  const auto size = static_cast<std::int64_t>(out.element_size());
  std::byte* to = out.data;
  for (std::int64_t row = 0; row < batch * rows; ++row) {
    std::int64_t position = 0;
    bool inside = true;
    for (std::size_t k = 0; k < depth && inside; ++k) {
      const std::int64_t dim = data[batch_dims + k];
      const std::int64_t index =
          wrapped(in[1].integer(row * indices.back() + static_cast<std::int64_t>(k)), dim);
      inside = index >= 0;
      position = position * dim + index;
    }
    if (inside)
      copy_elements(to, in[0].data + (row / rows * whole + position * slice) * size, slice,
                    out.element_size());
    for (std::int64_t i = 0; !inside && i < slice; ++i)
      copy_elements(to + i * size, out.zero.data(), 1, out.element_size());
    to += slice * size;
  }
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return fold_whole(attributes, in, infer(attributes, in).front(), compute);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_whole(node, context, "gather_nd", compute);
}

}  // namespace

extern const OpRecord gather_nd_op;
const OpRecord gather_nd_op{
    .name = "GatherND", .infer = infer, .fold = fold, .plan = plan, .rule = QuantizationRule::pass};

}  // namespace refcalib::engine
