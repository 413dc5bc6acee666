#include "engine/ops/region_yolo.h"

#include <algorithm>

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/softmax/softmax.h"
#include "engine/kernels/table.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/require_floats.h"

namespace refcalib::engine {
namespace {

std::int64_t anchors_of(const RegionYoloAttributes& a) {
  return a.do_softmax || a.mask.empty() ? a.num : static_cast<std::int64_t>(a.mask.size());
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  require_floats(in, 0);
  const auto& a = attributes.as<RegionYoloAttributes>();
  const Shape& shape = in.shape(0);
  require(shape.size() == 4, "the input has the shape " + to_string(shape) + ", expected 4 dimensions");
  const std::int64_t most = std::int64_t{1} << 20;
  require(
      a.coords >= 2 && a.coords < most && a.classes >= 1 && a.classes < most && a.num >= 0 && a.num < most,
      "coords, classes or num are out of range");
  const std::int64_t channels = anchors_of(a) * (a.coords + a.classes + 1);
  require(shape[1] == channels, "the input has " + std::to_string(shape[1]) + " channels, the anchors need " +
                                    std::to_string(channels));
  if (!a.do_softmax) return {{DType::f32, shape}};
  const auto first = static_cast<std::size_t>(normalize_axis(a.axis, 4));
  const auto last = static_cast<std::size_t>(normalize_axis(a.end_axis, 4));
  require(first <= last, "end_axis lies in front of axis");
  Shape flat(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(first));
  flat.push_back(1);
  for (std::size_t i = first; i <= last; ++i) flat.back() *= shape[i];
  flat.insert(flat.end(), shape.begin() + static_cast<std::ptrdiff_t>(last) + 1, shape.end());
  return {{DType::f32, flat}};
}

/// The channels of one anchor in one image.
struct Region {
  kernels::EltwiseKernels::Unary sigmoid;
  kernels::SoftmaxKernels::Run softmax;
  std::int64_t coords, classes, cells;
  bool do_softmax;

  std::int64_t size() const noexcept { return (coords + classes + 1) * cells; }

  void logistic(const float* in, float* out, std::int64_t first, std::int64_t count) const noexcept {
    const kernels::UnaryArgs args{.input = in + first * cells,
                                  .output = out + first * cells,
                                  .rows = 1,
                                  .channels = count * cells,
                                  .in_stride = count * cells,
                                  .out_stride = count * cells};
    sigmoid(args, 0, kernels::work_items(args));
  }

  void run(const float* in, float* out) const noexcept {
    logistic(in, out, 0, 2);
    std::copy(in + 2 * cells, in + coords * cells, out + 2 * cells);
    logistic(in, out, coords, do_softmax ? 1 : classes + 1);
    if (!do_softmax) return;
    kernels::SoftmaxArgs args;
    args.input = in + (coords + 1) * cells;
    args.output = out + (coords + 1) * cells;
    args.n = classes;
    args.inner = args.in_stride = args.out_stride = cells;
    args.in_outer_stride = args.out_outer_stride = classes * cells;
    softmax(args, 0, kernels::work_items(args));
  }
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<RegionYoloAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const Region region{
      kernels::select(kernels::eltwise_kernels(), context.isa()).of(kernels::UnaryOp::sigmoid),
      kernels::select(kernels::softmax_kernels(), context.isa()).softmax,
      a.coords,
      a.classes,
      in.shape[2] * in.shape[3],
      a.do_softmax};
  const std::int64_t regions = in.shape[0] * anchors_of(a);
  return make_step("region_yolo",
                   [region, regions, from = in.where, to = out.where](const RunContext& c) noexcept {
                     const auto* source = reinterpret_cast<const float*>(c.read(from));
                     auto* target = reinterpret_cast<float*>(c.write(to));
                     c.team.parallel_for(regions, 1, [&](std::int64_t begin, std::int64_t end, int) {
                       for (std::int64_t i = begin; i < end; ++i)
                         region.run(source + i * region.size(), target + i * region.size());
                     });
                   });
}

}  // namespace

extern const OpRecord region_yolo_op;
const OpRecord region_yolo_op{.name = "RegionYolo", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
