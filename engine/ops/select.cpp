#include "engine/ops/broadcast_loop.h"
#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"

namespace refcalib::engine {
namespace {

/// A float beside an integer makes the result a float, as in old files.
DType result_type(const OpInputs& in) {
  return is_float(in.dtype(2)) ? in.dtype(2) : in.dtype(1);
}

std::vector<OutputType> infer(const Attributes&, const OpInputs& in) {
  require_inputs(in, 3, 3);
  const Shape shape = broadcast_shape(broadcast_shape(in.shape(1), in.shape(2)), in.shape(0));
  return {{result_type(in), shape}};
}

/// The constant under the shape that it broadcasts to.
std::vector<double> spread(const Constant& constant, const Shape& shape) {
  const std::vector<double> zeros(static_cast<std::size_t>(element_count(shape)));
  return to_doubles(fold_binary(make_constant(DType::f64, shape, zeros), constant, DType::f64,
                                [](double, double v) { return v; }));
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!constant_inputs(in)) return std::nullopt;
  const OutputType type = infer(attributes, in).front();
  const std::vector<double> condition = spread(in.constant(0), type.shape),
                            other = spread(in.constant(2), type.shape);
  std::vector<double> values = spread(in.constant(1), type.shape);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (condition[i] == 0) values[i] = other[i];
  return std::vector{make_constant(type.dtype, type.shape, values)};
}

/// The loop over result, condition and the two sides, in the domain T.
struct Bound {
  BroadcastLoop<4> loop;
  std::array<DType, 4> dtype;

  template <class T>
  void run(const std::array<const std::byte*, 4>& from, std::byte* out, std::int64_t begin,
           std::int64_t end) const noexcept {
    T x[kElementBlock], y[kElementBlock];
    float condition[kElementBlock];
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const auto p = loop.piece(unit);
      const auto at = [&](std::size_t i) {
        return p.offset[i] * static_cast<std::int64_t>(size_of(dtype[i]));
      };
      load_block(dtype[1], from[1] + at(1), p.stride[1], p.count, condition);
      load_block(dtype[2], from[2] + at(2), p.stride[2], p.count, x);
      load_block(dtype[3], from[3] + at(3), p.stride[3], p.count, y);
      for (std::int64_t i = 0; i < p.count; ++i) x[i] = condition[i] != 0 ? x[i] : y[i];
      store_block(dtype[0], out + at(0), p.stride[0], p.count, x);
    }
  }
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef out = context.tensor(node.outputs[0]);
  const TensorRef condition = context.tensor(node.inputs[0]);
  const DType domain = is_float(out.dtype) ? DType::f32 : DType::i64;
  const TensorRef x = context.tensor(node.inputs[1], domain), y = context.tensor(node.inputs[2], domain);
  const Bound bound{broadcast_loop<4>({&out, &condition, &x, &y}),
                    {out.dtype, condition.dtype, x.dtype, y.dtype}};
  return make_step("select", [=, cw = condition.where, xw = x.where, yw = y.where,
                              ow = out.where](const RunContext& c) noexcept {
    const std::array<const std::byte*, 4> from = {nullptr, c.read(cw), c.read(xw), c.read(yw)};
    std::byte* to = c.write(ow);
    c.team.parallel_for(bound.loop.units(), 4, [&](std::int64_t begin, std::int64_t end, int) {
      if (domain == DType::f32)
        bound.run<float>(from, to, begin, end);
      else
        bound.run<std::int64_t>(from, to, begin, end);
    });
  });
}

}  // namespace

extern const OpRecord select_op;
const OpRecord select_op{.name = "Select", .infer = infer, .fold = fold, .plan = plan, .any_layout = true};

}  // namespace refcalib::engine
