#include <algorithm>

#include "engine/ops/computed.h"
#include "engine/ops/indexing.h"
#include "engine/ops/infer.h"
#include "engine/ops/whole_tensor.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 2);
  const auto& a = attributes.as<ReverseSequenceAttributes>();
  const Shape& data = in.shape(0);
  const std::int64_t batch = normalize_axis(a.batch_axis, data.size()),
                     seq = normalize_axis(a.seq_axis, data.size());
  require(batch != seq, "batch and sequence are the same axis");
  require(
      element_count(in.shape(1)) == data[static_cast<std::size_t>(batch)],
      "has " + std::to_string(element_count(in.shape(1))) + " lengths for the batch of " + to_string(data));
  return {{computed_type(in.dtype(0)), data}};
}

void compute(const Attributes& attributes, std::span<const WholeInput> in, const WholeOutput& out) noexcept {
  const auto& a = attributes.as<ReverseSequenceAttributes>();
  const Dims data = in[0].shape;
  const auto batch_axis = axis_index(a.batch_axis, data), seq_axis = axis_index(a.seq_axis, data);
  const std::int64_t outer = product(data, 0, seq_axis), dim = data[seq_axis],
                     inner = product(data, seq_axis + 1, data.size());
  // One unit is a run of elements behind both axes, or between them.
  const std::int64_t count = batch_axis > seq_axis ? product(data, batch_axis + 1, data.size()) : inner;
  const std::int64_t batch = data[batch_axis], between = product(data, batch_axis + 1, data.size());
  const std::size_t size = out.element_size();
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t s = 0; s < dim; ++s)
      for (std::int64_t i = 0; i < inner; i += count) {
        const std::int64_t position = (o * dim + s) * inner + i;
        const std::int64_t b = position / between % batch;
        const std::int64_t length = std::clamp<std::int64_t>(in[1].integer(b), 0, dim);
        const std::int64_t source = position + (s < length ? (length - 1 - 2 * s) * inner : 0);
        copy_elements(out.data + position * static_cast<std::int64_t>(size),
                      in[0].data + source * static_cast<std::int64_t>(size), count, size);
      }
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return fold_whole(attributes, in, infer(attributes, in).front(), compute);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  return plan_whole(node, context, "reverse_sequence", compute);
}

}  // namespace

extern const OpRecord reverse_sequence_op;
const OpRecord reverse_sequence_op{
    .name = "ReverseSequence", .infer = infer, .fold = fold, .plan = plan, .rule = QuantizationRule::pass};

}  // namespace refcalib::engine
