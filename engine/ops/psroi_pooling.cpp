#include <cmath>

#include "engine/ops/lambda_step.h"
#include "engine/ops/roi.h"
#include "engine/ops/roi_features.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 2);
  const auto& a = attributes.as<PsRoiPoolingAttributes>();
  require_pooled(a.output_dim, "output_dim");
  require_pooled(a.group_size, "group_size");
  require_pooled(a.spatial_bins_x, "spatial_bins_x");
  require_pooled(a.spatial_bins_y, "spatial_bins_y");
  const std::int64_t regions = check_regions(in, 5);
  const std::int64_t channels =
      a.output_dim * (a.bilinear ? a.spatial_bins_x * a.spatial_bins_y : a.group_size * a.group_size);
  require(in.shape(0)[1] == channels, "the features have " + std::to_string(in.shape(0)[1]) +
                                          " channels, expected " + std::to_string(channels));
  return {{DType::f32, {regions, a.output_dim, a.group_size, a.group_size}}};
}

/// Elements that a bin touches, within [0, limit).
struct Span {
  std::int64_t begin, end;
};
Span touched(std::int64_t i, float start, float bin, std::int64_t limit) noexcept {
  const auto inside = [&](float v) { return std::clamp<std::int64_t>(to_index(v), 0, limit); };
  return {inside(std::floor(static_cast<float>(i) * bin + start)),
          inside(std::ceil(static_cast<float>(i + 1) * bin + start))};
}

/// Bins of channel `c`: the mean of what a bin touches in the channel (c * G + row) * G + column.
void pool_average(const PsRoiPoolingAttributes& a, const FeatureMaps& features, std::int64_t n,
                  std::int64_t c, const float* roi, float* out) noexcept {
  const auto scale = static_cast<float>(a.spatial_scale), bins = static_cast<float>(a.group_size);
  const float x = std::round(roi[1]) * scale, y = std::round(roi[2]) * scale;
  const float width = std::max((std::round(roi[3]) + 1.0F) * scale - x, 0.1F);
  const float height = std::max((std::round(roi[4]) + 1.0F) * scale - y, 0.1F);
  for (std::int64_t h = 0; h < a.group_size; ++h) {
    const Span rows = touched(h, y, height / bins, features.height);
    for (std::int64_t w = 0; w < a.group_size; ++w) {
      const Span columns = touched(w, x, width / bins, features.width);
      const float* map = features.map(n, (c * a.group_size + h) * a.group_size + w);
      float sum = 0;
      for (std::int64_t r = rows.begin; r < rows.end; ++r)
        for (std::int64_t k = columns.begin; k < columns.end; ++k) sum += map[r * features.width + k];
      const std::int64_t rows_count = std::max<std::int64_t>(rows.end - rows.begin, 0);
      const std::int64_t area = rows_count * std::max<std::int64_t>(columns.end - columns.begin, 0);
      *out++ = area == 0 ? 0.0F : sum / static_cast<float>(area);
    }
  }
}

/// Bins of channel `c`: the region is cut into spatial_bins_y x spatial_bins_x parts; the mean over the parts of
/// the bilinear value that each, resized to G x G, has at the bin; part p reads channel p * output_dim + c.
void pool_bilinear(const PsRoiPoolingAttributes& a, const FeatureMaps& features, std::int64_t n,
                   std::int64_t c, const float* roi, float* out) noexcept {
  const auto scale = static_cast<float>(a.spatial_scale);
  const auto place = [&](std::int64_t i, float first, float last, std::int64_t part, std::int64_t parts,
                         std::int64_t size) {
    const float length = (last - first) * scale / static_cast<float>(parts);
    const float begin = first * scale + static_cast<float>(part) * length;
    const auto extent = static_cast<float>(size - 1);
    if (a.group_size == 1) return (begin + 0.5F * length) * extent;
    return static_cast<float>(i) * (length * extent / static_cast<float>(a.group_size - 1)) + begin * extent;
  };
  const std::int64_t parts = a.spatial_bins_y * a.spatial_bins_x;
  for (std::int64_t h = 0; h < a.group_size; ++h)
    for (std::int64_t w = 0; w < a.group_size; ++w) {
      float sum = 0;
      for (std::int64_t p = 0; p < parts; ++p) {
        const float y = place(h, roi[2], roi[4], p / a.spatial_bins_x, a.spatial_bins_y, features.height);
        const float x = place(w, roi[1], roi[3], p % a.spatial_bins_x, a.spatial_bins_x, features.width);
        sum += features.at(features.map(n, p * a.output_dim + c), y, x);
      }
      *out++ = sum / static_cast<float>(parts);
    }
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<PsRoiPoolingAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), rois = context.tensor(node.inputs[1]);
  const TensorRef out = context.tensor(node.outputs[0]);
  return make_step(
      a.bilinear ? "psroi_pooling/bilinear" : "psroi_pooling/average",
      [a, features = FeatureMaps(in.shape), from = in.where, regions = rois.where, to = out.where,
       count = out.shape[0]](const RunContext& c) noexcept {
        const FeatureMaps bound = features.with(c.read(from));
        const auto* roi = reinterpret_cast<const float*>(c.read(regions));
        auto* target = reinterpret_cast<float*>(c.write(to));
        std::int64_t listed = 0;
        while (listed < count && roi[listed * 5] != -1.0F) ++listed;
        const std::int64_t size = a.group_size * a.group_size;
        c.team.parallel_for(count * a.output_dim, 8, [&](std::int64_t begin, std::int64_t end, int) {
          for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t r = i / a.output_dim;
            const std::int64_t n = to_index(roi[r * 5]);
            float* y = target + i * size;
            if (r >= listed || !bound.has_image(n))
              std::fill(y, y + size, 0.0F);
            else
              (a.bilinear ? pool_bilinear : pool_average)(a, bound, n, i % a.output_dim, roi + r * 5, y);
          }
        });
      });
}

}  // namespace

extern const OpRecord psroi_pooling_op;
const OpRecord psroi_pooling_op{.name = "PsRoiPooling", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
