#include <algorithm>
#include <array>

#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/pooling.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& a = attributes.as<PoolingIndicesAttributes>();
  require(a.pooling.method == "max", "only maxima have indices");
  require(a.index_type == "i32" || a.index_type == "i64",
          "index type '" + a.index_type + "' is neither i32 nor i64");
  normalize_axis(a.axis, in.shape(0).size());
  return {{a.index_type == "i32" ? DType::i32 : DType::i64, pooled_shape(a.pooling, in.shape(0))}};
}

/// The cells begin, begin + step, … of one axis that a window covers, `count` of them.
struct Run {
  std::int64_t begin = 0, step = 1, count = 1;
};

Run window_run(const PoolingAttributes& a, std::size_t d, std::int64_t o, std::int64_t in, std::int64_t out) {
  if (!a.bins.empty()) {
    const PoolingBin bin = pooling_bin(o, in, out);
    return {bin.begin, 1, bin.end - bin.begin};
  }
  const std::int64_t start = o * a.strides[d] - a.pads_begin[d], step = a.dilations[d];
  const std::int64_t first = start < 0 ? (-start + step - 1) / step : 0;
  const std::int64_t last = start >= in ? 0 : (in - start + step - 1) / step;
  return {start + first * step, step, std::max<std::int64_t>(std::min(last, a.kernel[d]) - first, 0)};
}

/// Everything that a run needs, for three spatial dimensions in row-major order.
struct Bound {
  std::array<std::vector<Run>, 3> windows;  ///< by output position
  std::int64_t in_h = 1, in_w = 1, in_plane = 1, out_h = 1, out_w = 1;
  std::array<std::int64_t, 2> base{};  ///< what one step of batch and of channel adds to an index
  std::array<std::int64_t, 3> step{};  ///< what one step along depth, height and width adds to an index
  std::int64_t channels = 1;

  std::int64_t find(const float* plane, std::int64_t z, std::int64_t y, std::int64_t x) const noexcept {
    const Run &rz = windows[0][static_cast<std::size_t>(z)], &ry = windows[1][static_cast<std::size_t>(y)],
              &rx = windows[2][static_cast<std::size_t>(x)];
    float best = 0;
    std::int64_t found = -1;
    for (std::int64_t a = 0, iz = rz.begin; a < rz.count; ++a, iz += rz.step)
      for (std::int64_t b = 0, iy = ry.begin; b < ry.count; ++b, iy += ry.step)
        for (std::int64_t c = 0, ix = rx.begin; c < rx.count; ++c, ix += rx.step) {
          const float v = plane[(iz * in_h + iy) * in_w + ix];
          if (v != v || (found >= 0 && !(v > best))) continue;
          best = v;
          found = iz * step[0] + iy * step[1] + ix * step[2];
        }
    return found;
  }

  /// The plane `p`, counted over batch and channels.
  template <class T>
  void run(const float* input, T* output, std::int64_t p) const noexcept {
    const std::int64_t offset = p / channels * base[0] + p % channels * base[1];
    const auto depth = static_cast<std::int64_t>(windows[0].size());
    T* to = output + p * depth * out_h * out_w;
    for (std::int64_t z = 0; z < depth; ++z)
      for (std::int64_t y = 0; y < out_h; ++y)
        for (std::int64_t x = 0; x < out_w; ++x) {
          const std::int64_t found = find(input + p * in_plane, z, y, x);
          *to++ = static_cast<T>(found < 0 ? 0 : found + offset);
        }
  }
};

Bound bind(const PoolingIndicesAttributes& a, const Shape& in, const Shape& out) {
  Bound bound;
  const std::size_t spatial = in.size() - 2;
  const auto axis = static_cast<std::size_t>(normalize_axis(a.axis, in.size()));
  const std::vector<std::int64_t> strides = plain_strides(in);
  const auto step = [&](std::size_t d) { return d < axis ? 0 : strides[d]; };
  bound.base = {step(0), step(1)};
  bound.channels = in[1];
  for (std::size_t d = 0; d < 3 - spatial; ++d) bound.windows[d].push_back({});
  for (std::size_t d = 0; d < spatial; ++d) {
    const std::size_t at = 3 - spatial + d;
    bound.step[at] = step(2 + d);
    bound.in_plane *= in[2 + d];
    for (std::int64_t o = 0; o < out[2 + d]; ++o)
      bound.windows[at].push_back(window_run(a.pooling, d, o, in[2 + d], out[2 + d]));
  }
  if (spatial > 1) bound.in_h = in[in.size() - 2];
  bound.in_w = in.back();
  bound.out_h = static_cast<std::int64_t>(bound.windows[1].size());
  bound.out_w = static_cast<std::int64_t>(bound.windows[2].size());
  return bound;
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  if (in.dtype != DType::f32)
    throw UnsupportedError("indices of maxima of element type " + std::string(to_string(in.dtype)) +
                           " are not supported");
  return make_step("pooling_indices",
                   [bound = bind(node.attributes.as<PoolingIndicesAttributes>(), in.shape, out.shape),
                    planes = in.shape[0] * in.shape[1], wide = out.dtype == DType::i64, from = in.where,
                    to = out.where](const RunContext& c) noexcept {
                     const auto* input = reinterpret_cast<const float*>(c.read(from));
                     std::byte* const output = c.write(to);
                     c.team.parallel_for(planes, 1, [&](std::int64_t begin, std::int64_t end, int) {
                       for (std::int64_t p = begin; p < end; ++p) {
                         if (wide)
                           bound.run(input, reinterpret_cast<std::int64_t*>(output), p);
                         else
                           bound.run(input, reinterpret_cast<std::int32_t*>(output), p);
                       }
                     });
                   });
}

}  // namespace

extern const OpRecord pooling_indices_op;
const OpRecord pooling_indices_op{.name = "PoolingIndices", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
