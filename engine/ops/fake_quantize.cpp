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

/// A limit for every element of the data, as offsets into the constants: strides in the order of the file.
struct Limit {
  std::vector<float> values;
  std::vector<std::int64_t> strides;
};

Limit bind_limit(const Constant& constant, const Shape& data) {
  Limit limit{constant.to_floats(), std::vector<std::int64_t>(data.size(), 0)};
  const std::vector<std::int64_t> own = plain_strides(constant.shape());
  for (std::size_t d = 0; d < own.size(); ++d)
    limit.strides[d + data.size() - own.size()] = constant.shape()[d] == 1 ? 0 : own[d];
  return limit;
}

/// The operation bound to a shape and to the strides of input and output.
struct Bound {
  Shape shape;
  std::vector<std::int64_t> in_strides, out_strides;
  std::array<Limit, 4> limits;
  float steps = 255;

  /// Elements [begin, end) in the order of the file.
  void run(const float* input, float* output, std::int64_t begin, std::int64_t end) const noexcept {
    for (std::int64_t i = begin; i < end; ++i) {
      std::int64_t rest = i, from = 0, to = 0, at[4] = {0, 0, 0, 0};
      for (std::size_t d = shape.size(); d-- > 0;) {
        const std::int64_t position = rest % shape[d];
        rest /= shape[d];
        from += position * in_strides[d];
        to += position * out_strides[d];
        for (std::size_t l = 0; l < 4; ++l) at[l] += position * limits[l].strides[d];
      }
      const auto limit = [&](std::size_t l) { return limits[l].values[static_cast<std::size_t>(at[l])]; };
      output[to] = fake_quantize(input[from], limit(0), limit(1), limit(2), limit(3), steps);
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
  for (std::size_t i = 0; i < 4; ++i) {
    const Value& value = context.graph().value(node.inputs[i + 1]);
    if (!value.constant) throw UnsupportedError("FakeQuantize with computed limits is not supported");
    bound.limits[i] = bind_limit(value.constant, in.shape);
  }
  return make_step("fake_quantize", [bound = std::move(bound), count = in.count(), x = in.where,
                                     y = out.where](const RunContext& c) noexcept {
    const auto* input = reinterpret_cast<const float*>(c.read(x));
    auto* output = reinterpret_cast<float*>(c.write(y));
    c.team.parallel_for(count, 4096, [&](std::int64_t begin, std::int64_t end, int) {
      bound.run(input, output, begin, end);
    });
  });
}

}  // namespace

Constant fold_fake_quantize(const Constant& data, const std::array<Constant, 4>& limits,
                            std::int64_t levels) {
  const std::vector<std::int64_t> strides = plain_strides(data.shape());
  Bound bound{data.shape(), strides, strides, {}, static_cast<float>(levels - 1)};
  for (std::size_t i = 0; i < 4; ++i) bound.limits[i] = bind_limit(limits[i], data.shape());
  const std::vector<float> input = data.to_floats();
  std::vector<float> output(input.size());
  bound.run(input.data(), output.data(), 0, data.count());
  return Constant::f32(data.shape(), std::move(output));
}

extern const OpRecord fake_quantize_op;
const OpRecord fake_quantize_op{.name = "FakeQuantize", .infer = infer, .plan = plan, .any_layout = true};

}  // namespace refcalib::engine
