#include "engine/ops/computed_matmul.h"
#include "engine/ops/convolution.h"
#include "engine/ops/infer.h"
#include "engine/ops/strides.h"
#include "engine/ops/weighted.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 4);
  const auto& m = attributes.as<MatMulAttributes>();
  Shape a = in.shape(0), b = in.shape(1);
  require(!a.empty() && !b.empty(), "multiplies a scalar");
  const bool vector_a = a.size() == 1, vector_b = b.size() == 1;
  if (vector_a) a.insert(a.begin(), 1);
  if (vector_b) b.push_back(1);
  if (m.transpose_a && !vector_a) std::swap(a[a.size() - 1], a[a.size() - 2]);
  if (m.transpose_b && !vector_b) std::swap(b[b.size() - 1], b[b.size() - 2]);
  require(a.back() == b[b.size() - 2],
          "inner dimensions of " + to_string(in.shape(0)) + " and " + to_string(in.shape(1)) + " differ");
  require(a.back() > 0, "multiplies matrices without elements");
  Shape out = broadcast_shape(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  if (!vector_a) out.push_back(a[a.size() - 2]);
  if (!vector_b) out.push_back(b.back());
  if (!is_float(in.dtype(0)) || !is_float(in.dtype(1)))
    throw UnsupportedError("products of matrices of integers are not supported");
  return {{DType::f32, out}};
}

/// B as [N][K], the order that the kernels pack.
Constant weights_by_row(const Constant& constant, std::int64_t n, std::int64_t k, bool transposed) {
  if (transposed) return constant;
  const std::vector<float> b = constant.to_floats();
  std::vector<float> rows(b.size());
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      rows[static_cast<std::size_t>(j * k + i)] = b[static_cast<std::size_t>(i * n + j)];
  return Constant::f32({n, k}, std::move(rows));
}

/// True if the second operand is one constant matrix, which the kernels of the convolutions take packed.
bool constant_weights(const Graph& graph, const Node& node) {
  const Value& b = graph.value(node.inputs[1]);
  return b.constant && b.shape.size() == 2 && !node.attributes.as<MatMulAttributes>().transpose_a;
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& m = node.attributes.as<MatMulAttributes>();
  if (!constant_weights(context.graph(), node)) {
    if (node.inputs.size() > 2 || !is_identity(m.activation))
      throw UnsupportedError("a bias of a product of two computed operands is not supported");
    return plan_computed_matmul(m, context.tensor(node.inputs[0]), context.tensor(node.inputs[1]),
                                context.tensor(node.outputs[0]), context.isa());
  }
  const Value& b = context.graph().value(node.inputs[1]);
  WeightedPlan plan;
  plan.input = context.tensor(node.inputs[0]);
  plan.output = context.tensor(node.outputs[0]);
  const std::int64_t k = b.shape[m.transpose_b ? 1 : 0], n = b.shape[m.transpose_b ? 0 : 1];
  kernels::ConvGeometry g;
  g.in_w = g.out_w = element_count(plan.input.shape) / k;
  g.in_channels = g.in_pixel_stride = k;
  g.out_channels = g.out_pixel_stride = n;
  plan.parts.push_back({.geometry = g, .first_pixel = 0, .taps = {}});
  plan.weights = weights_by_row(b.constant, n, k, m.transpose_b);
  if (plan.input.dtype == DType::u8 && b.quantization) plan.weight_quantization = &*b.quantization;
  plan_tail(node, m.activation, 2, context, plan);
  return plan_weighted(plan, context.isa());
}

WeightChannels channels(const Attributes& attributes, const Shape& b) {
  if (b.size() < 2) return {1, 1, 1, element_count(b)};
  const std::int64_t rows = b[b.size() - 2], columns = b.back(),
                     leading = element_count(b) / (rows * columns);
  if (attributes.as<MatMulAttributes>().transpose_b) return {1, leading, rows, columns};
  return {1, leading * rows, columns, 1};
}

constexpr WeightedTraits traits{.channels = channels,
                                .spatial = false,
                                .activation = activation_of<MatMulAttributes>,
                                .set_activation = set_activation_of<MatMulAttributes>};

}  // namespace

extern const OpRecord matmul_op;
const OpRecord matmul_op{.name = "MatMul",
                         .infer = infer,
                         .plan = plan,
                         .rule = QuantizationRule::weighted,
                         .weighted = &traits,
                         .integer_capable = constant_weights};

}  // namespace refcalib::engine
