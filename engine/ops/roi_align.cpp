#include <cmath>

#include "engine/ops/lambda_step.h"
#include "engine/ops/roi.h"
#include "engine/ops/roi_features.h"

namespace refcalib::engine {
namespace {

/// Samples of a bin along one axis at most: regions come from the network and may be of any size.
constexpr float kMostSamples = 1024;

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 3, 3);
  const auto& a = attributes.as<RoiAlignAttributes>();
  require_pooled(a.pooled_h, "pooled_h");
  require_pooled(a.pooled_w, "pooled_w");
  require(a.sampling_ratio >= 0 && static_cast<float>(a.sampling_ratio) <= kMostSamples,
          "sampling_ratio is out of range");
  const std::int64_t regions = check_regions(in, 4);
  require(element_count(in.shape(2)) == regions, "has " + std::to_string(element_count(in.shape(2))) +
                                                     " batch indices for " + std::to_string(regions) +
                                                     " regions");
  const std::string& mode = a.aligned_mode;
  if (mode != "asymmetric" && mode != "half_pixel_for_nn" && mode != "half_pixel")
    throw UnsupportedError("aligned_mode '" + mode + "' is not supported");
  return {{DType::f32, {regions, in.shape(0)[1], a.pooled_h, a.pooled_w}}};
}

/// Bins of a region along one axis: bin b begins at start + b * bin and has `samples` evenly spread samples.
struct Axis {
  float start, bin;
  std::int64_t samples;

  float place(std::int64_t b, std::int64_t sample) const noexcept {
    const float step = bin / static_cast<float>(samples);
    return start + static_cast<float>(b) * bin + (static_cast<float>(sample) + 0.5F) * step;
  }
};

Axis axis_of(const RoiAlignAttributes& a, float first, float last, std::int64_t bins) noexcept {
  const bool aligned = a.aligned_mode != "asymmetric";
  const float before = a.aligned_mode == "half_pixel" ? 0.5F : 0.0F, behind = aligned ? 0.5F : 0.0F;
  const auto scale = static_cast<float>(a.spatial_scale);
  const float start = (first + before) * scale - behind;
  float length = (last + before) * scale - behind - start;
  if (!aligned) length = std::max(length, 1.0F);
  const float bin = length / static_cast<float>(bins);
  const float adaptive = std::isnan(bin) ? 1.0F : std::clamp(std::ceil(bin), 1.0F, kMostSamples);
  return {start, bin, a.sampling_ratio > 0 ? a.sampling_ratio : static_cast<std::int64_t>(adaptive)};
}

/// Bilinear value; up to one pixel outside the border counts as the border, beyond that as 0.
float sample_at(const FeatureMaps& features, const float* map, float y, float x) noexcept {
  const auto height = static_cast<float>(features.height), width = static_cast<float>(features.width);
  if (!(y >= -1.0F && y <= height && x >= -1.0F && x <= width)) return 0;
  return features.at(map, std::clamp(y, 0.0F, height - 1.0F), std::clamp(x, 0.0F, width - 1.0F));
}

void pool(const RoiAlignAttributes& a, const FeatureMaps& features, const float* map, const float* roi,
          float* out) noexcept {
  const Axis columns = axis_of(a, roi[0], roi[2], a.pooled_w), rows = axis_of(a, roi[1], roi[3], a.pooled_h);
  for (std::int64_t h = 0; h < a.pooled_h; ++h)
    for (std::int64_t w = 0; w < a.pooled_w; ++w) {
      float sum = 0, largest = -INFINITY;
      for (std::int64_t r = 0; r < rows.samples; ++r)
        for (std::int64_t k = 0; k < columns.samples; ++k) {
          const float v = sample_at(features, map, rows.place(h, r), columns.place(w, k));
          sum += v;
          largest = std::max(largest, v);
        }
      *out++ = a.max ? largest : sum / static_cast<float>(rows.samples * columns.samples);
    }
}

/// Batch index of region r, stored as floats or integers.
std::int64_t index_at(const std::byte* data, DType dtype, std::int64_t r) noexcept {
  if (dtype == DType::i64) return reinterpret_cast<const std::int64_t*>(data)[r];
  if (dtype == DType::i32) return reinterpret_cast<const std::int32_t*>(data)[r];
  return to_index(reinterpret_cast<const float*>(data)[r]);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<RoiAlignAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), rois = context.tensor(node.inputs[1]);
  const TensorRef batch = context.tensor(node.inputs[2]), out = context.tensor(node.outputs[0]);
  if (batch.dtype != DType::f32 && batch.dtype != DType::i32 && batch.dtype != DType::i64)
    throw UnsupportedError("batch indices of element type " + std::string(to_string(batch.dtype)) +
                           " are not supported");
  return make_step(
      a.max ? "roi_align/max" : "roi_align/avg",
      [a, features = FeatureMaps(in.shape), from = in.where, regions = rois.where, indices = batch.where,
       type = batch.dtype, to = out.where, count = out.shape[0]](const RunContext& c) noexcept {
        const FeatureMaps bound = features.with(c.read(from));
        const auto* roi = reinterpret_cast<const float*>(c.read(regions));
        const std::byte* index = c.read(indices);
        auto* target = reinterpret_cast<float*>(c.write(to));
        const std::int64_t size = a.pooled_h * a.pooled_w;
        c.team.parallel_for(count * bound.channels, 8, [&](std::int64_t begin, std::int64_t end, int) {
          for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t r = i / bound.channels, n = index_at(index, type, r);
            float* y = target + i * size;
            if (bound.has_image(n))
              pool(a, bound, bound.map(n, i % bound.channels), roi + r * 4, y);
            else
              std::fill(y, y + size, 0.0F);
          }
        });
      });
}

}  // namespace

extern const OpRecord roi_align_op;
const OpRecord roi_align_op{.name = "RoiAlign", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
