#include "engine/ops/computed.h"
#include "engine/ops/indexing.h"
#include "engine/ops/infer.h"
#include "engine/ops/whole_tensor.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 2);
  const auto& a = attributes.as<GatherAttributes>();
  const Shape &data = in.shape(0), &indices = in.shape(1);
  const auto axis = static_cast<std::size_t>(normalize_axis(a.axis, data.size()));
  require(a.batch_dims >= 0 && a.batch_dims <= static_cast<std::int64_t>(std::min(axis, indices.size())),
          "batch_dims is outside the indices or behind the axis");
  const auto batch = static_cast<std::ptrdiff_t>(a.batch_dims);
  for (std::size_t d = 0; d < static_cast<std::size_t>(batch); ++d)
    require(data[d] == indices[d], "data and indices differ in a batch dimension");
  Shape shape(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices.begin() + batch, indices.end());
  shape.insert(shape.end(), data.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.end());
  return {{computed_type(in.dtype(0)), shape}};
}

void fill(std::byte* to, std::int64_t count, const WholeOutput& out) noexcept {
  for (std::int64_t i = 0; i < count; ++i, to += out.element_size())
    copy_elements(to, out.zero.data(), 1, out.element_size());
}

void compute(const Attributes& attributes, std::span<const WholeInput> in, const WholeOutput& out) noexcept {
  const auto& a = attributes.as<GatherAttributes>();
  const Dims data = in[0].shape;
  const auto axis = axis_index(a.axis, data), batch_dims = static_cast<std::size_t>(a.batch_dims);
  const std::int64_t batch = product(data, 0, batch_dims), outer = product(data, batch_dims, axis),
                     dim = data[axis], inner = product(data, axis + 1, data.size()),
                     count = product(in[1].shape, batch_dims, in[1].shape.size());
  const auto bytes = inner * static_cast<std::int64_t>(out.element_size());
  std::byte* to = out.data;
  for (std::int64_t block = 0; block < batch * outer; ++block)
    for (std::int64_t i = 0; i < count; ++i, to += bytes) {
      std::int64_t index = in[1].integer(block / outer * count + i);
      index = !a.wrap && index < 0 ? -1 : wrapped(index, dim);
      if (index < 0)
        fill(to, inner, out);
      else
        copy_elements(to, in[0].data + (block * dim + index) * bytes, inner, out.element_size());
    }
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return fold_whole(attributes, in, infer(attributes, in).front(), compute);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_whole(node, context, "gather", compute);
}

}  // namespace

extern const OpRecord gather_op;
const OpRecord gather_op{
    .name = "Gather", .infer = infer, .fold = fold, .plan = plan, .rule = QuantizationRule::pass};

}  // namespace refcalib::engine
