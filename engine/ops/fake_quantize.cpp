#include "engine/ops/fake_quantize.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/eltwise.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/require_floats.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 5, 5);
  require_floats(in, 0);
  require(attributes.as<FakeQuantizeAttributes>().levels >= 2, "FakeQuantize needs at least 2 levels");
  for (std::size_t i = 1; i < 5; ++i)
    require(broadcast_shape(in.shape(0), in.shape(i)) == in.shape(0),
            "limits of shape " + to_string(in.shape(i)) + " do not broadcast to the data");
  return {{DType::f32, in.shape(0)}};
}

/// FakeQuantize-1 of the operation set, rounding half to even.
float fake_quantize(float x, float il, float ih, float ol, float oh, float steps) noexcept {
  if (x <= std::min(il, ih)) return ol;
  if (x > std::max(il, ih)) return oh;
  return std::nearbyint((x - il) / (ih - il) * steps) / steps * (oh - ol) + ol;
}

/// The operation bound to a shape and to the strides of input, output and limits, which repeat along the data's dimensions: in the order
/// of the file.
struct Bound {
  Shape shape;
  std::vector<std::int64_t> in_strides, out_strides;
  std::array<std::vector<std::int64_t>, 4> limit_strides;
  float steps = 255;

  /// Elements [begin, end) in the order of the file.
  void run(const float* input, const std::array<const float*, 4>& limits, float* output, std::int64_t begin,
           std::int64_t end) const noexcept {
    for (std::int64_t i = begin; i < end; ++i) {
      std::int64_t rest = i, from = 0, to = 0, at[4] = {0, 0, 0, 0};
      for (std::size_t d = shape.size(); d-- > 0;) {
        const std::int64_t position = rest % shape[d];
        rest /= shape[d];
        from += position * in_strides[d];
        to += position * out_strides[d];
        for (std::size_t l = 0; l < 4; ++l) at[l] += position * limit_strides[l][d];
      }
      output[to] = fake_quantize(input[from], limits[0][at[0]], limits[1][at[1]], limits[2][at[2]],
                                 limits[3][at[3]], steps);
    }
  }
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  Bound bound{in.shape,
              element_strides(in),
              element_strides(out),
              {},
              static_cast<float>(node.attributes.as<FakeQuantizeAttributes>().levels - 1)};
  std::array<Operand, 4> limits;
  for (std::size_t i = 0; i < 4; ++i) {
    const TensorRef limit = context.tensor(node.inputs[i + 1]);
    limits[i] = limit.where;
    bound.limit_strides[i] = broadcast_strides(limit, in.shape);
  }
  return make_step("fake_quantize", [bound = std::move(bound), limits, count = in.count(), x = in.where,
                                     y = out.where](const RunContext& c) noexcept {
    const auto* input = reinterpret_cast<const float*>(c.read(x));
    auto* output = reinterpret_cast<float*>(c.write(y));
    std::array<const float*, 4> bounds{};
    for (std::size_t i = 0; i < 4; ++i) bounds[i] = reinterpret_cast<const float*>(c.read(limits[i]));
    c.team.parallel_for(count, 4096, [&](std::int64_t begin, std::int64_t end, int) {
      bound.run(input, bounds, output, begin, end);
    });
  });
}

}  // namespace

Constant fold_fake_quantize(const Constant& data, const std::array<Constant, 4>& limits,
                            std::int64_t levels) {
  const std::vector<std::int64_t> strides = plain_strides(data.shape());
  Bound bound{data.shape(), strides, strides, {}, static_cast<float>(levels - 1)};
  std::array<std::vector<float>, 4> values;
  std::array<const float*, 4> bounds{};
  for (std::size_t i = 0; i < 4; ++i) {
    values[i] = limits[i].to_floats();
    bounds[i] = values[i].data();
    TensorRef limit;
    limit.shape = limits[i].shape();
    bound.limit_strides[i] = broadcast_strides(limit, data.shape());
  }
  const std::vector<float> input = data.to_floats();
  std::vector<float> output(input.size());
  bound.run(input.data(), bounds, output.data(), 0, data.count());
  return Constant::f32(data.shape(), std::move(output));
}

extern const OpRecord fake_quantize_op;
const OpRecord fake_quantize_op{.name = "FakeQuantize", .infer = infer, .plan = plan, .any_layout = true};

}  // namespace refcalib::engine
