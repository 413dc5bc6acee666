#include <cmath>

#include "engine/ops/lambda_step.h"
#include "engine/ops/roi.h"
#include "engine/ops/roi_features.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 2);
  const auto& a = attributes.as<RoiPoolingAttributes>();
  require_pooled(a.pooled_h, "pooled_h");
  require_pooled(a.pooled_w, "pooled_w");
  const std::int64_t regions = check_regions(in, 5);
  return {{DType::f32, {regions, in.shape(0)[1], a.pooled_h, a.pooled_w}}};
}

/// First and last + 1 element of bin `i` of `bins` over `size` elements from `start`, within [0, limit).
struct Span {
  std::int64_t begin, end;
};
Span bin_of(std::int64_t i, std::int64_t bins, std::int64_t start, std::int64_t size,
            std::int64_t limit) noexcept {
  const std::int64_t begin = i * size / bins + start, end = ((i + 1) * size + bins - 1) / bins + start;
  return {std::clamp<std::int64_t>(begin, 0, limit), std::clamp<std::int64_t>(end, 0, limit)};
}

void pool_max(const RoiPoolingAttributes& a, const FeatureMaps& features, const float* map, const float* roi,
              float* out) noexcept {
  const auto scale = static_cast<float>(a.spatial_scale);
  const auto pixel = [&](float v) { return to_index(std::round(v * scale)); };
  const std::int64_t x = pixel(roi[1]), y = pixel(roi[2]);
  const std::int64_t width = std::max<std::int64_t>(pixel(roi[3]) - x + 1, 1);
  const std::int64_t height = std::max<std::int64_t>(pixel(roi[4]) - y + 1, 1);
  for (std::int64_t h = 0; h < a.pooled_h; ++h) {
    const Span rows = bin_of(h, a.pooled_h, y, height, features.height);
    for (std::int64_t w = 0; w < a.pooled_w; ++w) {
      const Span columns = bin_of(w, a.pooled_w, x, width, features.width);
      const bool empty = rows.begin >= rows.end || columns.begin >= columns.end;
      float largest = empty ? 0.0F : map[rows.begin * features.width + columns.begin];
      for (std::int64_t r = rows.begin; r < rows.end; ++r)
        for (std::int64_t c = columns.begin; c < columns.end; ++c)
          largest = std::max(largest, map[r * features.width + c]);
      *out++ = largest;
    }
  }
}

void pool_bilinear(const RoiPoolingAttributes& a, const FeatureMaps& features, const float* map,
                   const float* roi, float* out) noexcept {
  const auto place = [](std::int64_t i, std::int64_t bins, float first, float last, std::int64_t size) {
    const auto extent = static_cast<float>(size - 1);
    if (bins == 1) return 0.5F * (first + last) * extent;
    return static_cast<float>(i) * ((last - first) * extent / static_cast<float>(bins - 1)) + first * extent;
  };
  for (std::int64_t h = 0; h < a.pooled_h; ++h)
    for (std::int64_t w = 0; w < a.pooled_w; ++w)
      *out++ = features.at(map, place(h, a.pooled_h, roi[2], roi[4], features.height),
                           place(w, a.pooled_w, roi[1], roi[3], features.width));
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<RoiPoolingAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), rois = context.tensor(node.inputs[1]);
  const TensorRef out = context.tensor(node.outputs[0]);
  return make_step(a.bilinear ? "roi_pooling/bilinear" : "roi_pooling/max",
                   [a, features = FeatureMaps(in.shape), from = in.where, regions = rois.where,
                    to = out.where, count = out.shape[0]](const RunContext& c) noexcept {
                     const FeatureMaps bound = features.with(c.read(from));
                     const auto* roi = reinterpret_cast<const float*>(c.read(regions));
                     auto* target = reinterpret_cast<float*>(c.write(to));
                     std::int64_t listed = 0;
                     while (listed < count && roi[listed * 5] != -1.0F) ++listed;
                     const std::int64_t size = a.pooled_h * a.pooled_w;
                     c.team.parallel_for(
                         count * bound.channels, 8, [&](std::int64_t begin, std::int64_t end, int) {
                           for (std::int64_t i = begin; i < end; ++i) {
                             const std::int64_t r = i / bound.channels;
                             const std::int64_t n = to_index(roi[r * 5]);
                             float* y = target + i * size;
                             if (r >= listed || !bound.has_image(n)) {
                               std::fill(y, y + size, 0.0F);
                               continue;
                             }
                             const float* map = bound.map(n, i % bound.channels);
                             (a.bilinear ? pool_bilinear : pool_max)(a, bound, map, roi + r * 5, y);
                           }
                         });
                   });
}

}  // namespace

extern const OpRecord roi_pooling_op;
const OpRecord roi_pooling_op{.name = "RoiPooling", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
