#include "engine/ops/broadcast_loop.h"
#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/movement.h"
#include "engine/ops/view_step.h"

namespace refcalib::engine {
namespace {

DType target(const Attributes& attributes) {
  const std::string& name = attributes.as<ConvertAttributes>().to;
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i)
    if (to_string(static_cast<DType>(i)) == name)
      return static_cast<DType>(i) == DType::f16 ? DType::f32 : static_cast<DType>(i);
  throw UnsupportedError("conversion to element type '" + name + "' is not supported");
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  return {{target(attributes), in.shape(0)}};
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0)) return std::nullopt;
  const DType to = target(attributes);
  const Constant& source = in.constant(0);
  // Weights stay as the file has them (f16 in the mapped file) until they are packed.
  if (to == DType::f32 && (source.dtype() == DType::f32 || source.dtype() == DType::f16))
    return std::vector{source};
  // So do integers, which a multiplication by their scales mostly follows.
  if (to == DType::f32 && source.dtype() == DType::i8 && source.count() > 0)
    return std::vector{Constant::scaled(source, {1.0F}, static_cast<std::size_t>(source.count()))};
  return std::vector{converted(source, to)};
}

/// Between integers in 64 bits and saturating, else by way of floats.
std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  if (in.dtype == out.dtype) return plan_copy(in, out);
  const bool floats = is_float(in.dtype), saturates = !is_float(out.dtype) && out.dtype != DType::boolean;
  return make_step("convert", [=, loop = broadcast_loop<2>({&out, &in}), x = in.where, y = out.where,
                               from_type = in.dtype, to_type = out.dtype](const RunContext& c) noexcept {
    const std::byte* from = c.read(x);
    std::byte* to = c.write(y);
    c.team.parallel_for(loop.units(), 4, [&](std::int64_t begin, std::int64_t end, int) {
      float real[kElementBlock];
      std::int64_t whole[kElementBlock];
      for (std::int64_t unit = begin; unit < end; ++unit) {
        const auto p = loop.piece(unit);
        const std::byte* source = from + p.offset[1] * static_cast<std::int64_t>(size_of(from_type));
        std::byte* target = to + p.offset[0] * static_cast<std::int64_t>(size_of(to_type));
        if (floats) {
          load_block(from_type, source, p.stride[1], p.count, real);
          store_block(to_type, target, p.stride[0], p.count, real);
        } else {
          load_block(from_type, source, p.stride[1], p.count, whole);
          for (std::int64_t i = 0; saturates && i < p.count; ++i) whole[i] = saturate(to_type, whole[i]);
          store_block(to_type, target, p.stride[0], p.count, whole);
        }
      }
    });
  });
}

}  // namespace

extern const OpRecord convert_op;
const OpRecord convert_op{.name = "Convert", .infer = infer, .fold = fold, .plan = plan, .any_layout = true};

}  // namespace refcalib::engine
