#include "engine/ops/proposal.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/boxes.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/scratch.h"

namespace refcalib::engine {
namespace {

/// Anchors of one cell, one for each pair of a ratio and a scale. Throws FormatError for values that are not positive. Caffe counts the corner pixels as part of a box and rounds widths and heights; TensorFlow
/// does neither and centres the anchors on the cell.
std::vector<Box> make_anchors(const ProposalAttributes& a) {
  const auto base = static_cast<float>(a.base_size);
  const float extent = a.tensorflow ? 0.0F : 1.0F;
  const float center = 0.5F * (base - extent) - (a.tensorflow ? 0.5F * base : 0.0F);
  std::vector<Box> anchors;
  for (const float ratio : a.ratio) {
    require(std::isfinite(ratio) && ratio > 0, "a ratio is not positive");
    float width = std::sqrt(base * base / ratio), height = width * ratio;
    if (!a.tensorflow) width = std::round(width), height = std::round(width * ratio);
    for (const float scale : a.scale) {
      require(std::isfinite(scale) && scale > 0, "a scale is not positive");
      const float x = 0.5F * (width * scale - extent), y = 0.5F * (height * scale - extent);
      anchors.push_back({center - x, center - y, center + x, center + y});
    }
  }
  return anchors;
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 3, 3);
  const auto& a = attributes.as<ProposalAttributes>();
  const std::int64_t most = std::int64_t{1} << 24;
  const auto in_range = [&](std::int64_t v) { return v > 0 && v < most; };
  require(in_range(a.base_size) && in_range(a.feat_stride) && a.min_size >= 0 && a.min_size < most,
          "base_size, feat_stride or min_size is out of range");
  require(in_range(a.pre_nms_topn) && in_range(a.post_nms_topn),
          "pre_nms_topn or post_nms_topn is out of range");
  require(a.box_coordinate_scale != 0 && a.box_size_scale != 0, "a box scale is 0");
  const auto anchors = static_cast<std::int64_t>(a.ratio.size() * a.scale.size());
  require(in_range(anchors), "has no ratio or no scale, or too many");
  make_anchors(a);
  const Shape &scores = in.shape(0), &deltas = in.shape(1);
  require(scores.size() == 4 && scores[1] == 2 * anchors,
          "the scores have the shape " + to_string(scores) + " for " + std::to_string(anchors) + " anchors");
  require(deltas == Shape({scores[0], 4 * anchors, scores[2], scores[3]}),
          "the deltas have the shape " + to_string(deltas) + " for scores " + to_string(scores));
  const std::int64_t numbers = element_count(in.shape(2));
  require(numbers == 3 || numbers == 4, "the image information has " + std::to_string(numbers) + " numbers");
  for (std::size_t i = 0; i < 3; ++i)
    require(is_float(in.dtype(i)), "input " + std::to_string(i) + " is not of floats");
  require(element_count(scores) < (std::int64_t{1} << 30), "has too many proposals");
  std::vector<OutputType> types{{DType::f32, {scores[0] * a.post_nms_topn, 5}}};
  if (a.scores) types.push_back({DType::f32, {scores[0] * a.post_nms_topn}});
  return types;
}

/// What the image information of one run says.
struct ImageInfo {
  float height, width, least_height, least_width;
};

/// The bound operation; immutable.
struct Proposals {
  ProposalAttributes a;
  std::vector<Box> anchors;
  std::int64_t batch, rows, columns, numbers;
  float extent;
  Operand scores_in, deltas_in, info_in, out, scores_out;
  std::size_t boxes_at, candidates_at, kept_at;

  std::int64_t per_cell() const noexcept { return static_cast<std::int64_t>(anchors.size()); }
  std::int64_t count() const noexcept { return rows * columns * per_cell(); }

  ImageInfo image_info(const float* info) const noexcept {
    const auto least = static_cast<float>(a.min_size);
    // TensorFlow's boxes have their axes swapped, and so has the image.
    const std::size_t height = a.tensorflow ? 1 : 0;
    const auto number = [&](std::size_t i) { return a.simpler_nms ? std::trunc(info[i]) : info[i]; };
    return {number(height), number(1 - height), least * number(2), least * number(numbers == 4 ? 3 : 2)};
  }

  /// The anchor of a cell moved and stretched by its deltas, `step` elements apart.
  Box propose(std::int64_t row, std::int64_t column, std::int64_t anchor, const float* delta,
              std::int64_t step, const ImageInfo& image) const noexcept {
    const auto stride = static_cast<float>(a.feat_stride);
    const float x = static_cast<float>(a.tensorflow ? row : column) * stride;
    const float y = static_cast<float>(a.tensorflow ? column : row) * stride;
    const Box& shape = anchors[static_cast<std::size_t>(anchor)];
    Box box{x + shape.x1, y + shape.y1, x + shape.x2, y + shape.y2};
    if (a.tensorflow) box = clipped(box, image, 0);
    const float width = box.x2 - box.x1 + extent, height = box.y2 - box.y1 + extent;
    const auto place = static_cast<float>(a.box_coordinate_scale),
               size = static_cast<float>(a.box_size_scale);
    const float center_x = delta[0] / place * width + box.x1 + 0.5F * width;
    const float center_y = delta[step] / place * height + box.y1 + 0.5F * height;
    const float half_width = 0.5F * (std::exp(delta[2 * step] / size) * width);
    const float half_height = 0.5F * (std::exp(delta[3 * step] / size) * height);
    box = {center_x - half_width, center_y - half_height, center_x + half_width, center_y + half_height};
    return a.clip_before_nms ? clipped(box, image, extent) : box;
  }

  static Box clipped(const Box& b, const ImageInfo& image, float border) noexcept {
    const auto clip = [&](float v, float size) { return std::max(0.0F, std::min(v, size - border)); };
    return {clip(b.x1, image.width), clip(b.y1, image.height), clip(b.x2, image.width),
            clip(b.y2, image.height)};
  }

  void enumerate(const RunContext& c, std::int64_t n, const ImageInfo& image) const noexcept {
    const std::int64_t cells = rows * columns;
    const float* scores =
        reinterpret_cast<const float*>(c.read(scores_in)) + (2 * n + 1) * per_cell() * cells;
    const float* deltas = reinterpret_cast<const float*>(c.read(deltas_in)) + n * 4 * per_cell() * cells;
    auto* boxes = scratch_array<Box>(c.scratch, boxes_at);
    auto* candidates = scratch_array<Candidate>(c.scratch, candidates_at);
    c.team.parallel_for(cells, 64, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t cell = begin; cell < end; ++cell)
        for (std::int64_t k = 0; k < per_cell(); ++k) {
          const std::int64_t place = cell * per_cell() + k, at = a.simpler_nms ? count() - 1 - place : place;
          const Box box =
              propose(cell / columns, cell % columns, k, deltas + 4 * k * cells + cell, cells, image);
          const bool large =
              box.x2 - box.x1 + extent >= image.least_width && box.y2 - box.y1 + extent >= image.least_height;
          const float score = scores[k * cells + cell];
          boxes[at] = box;
          // A NaN would make the order of the others undefined.
          candidates[at] = {std::isnan(score) ? -INFINITY
                            : large           ? score
                                              : 0.0F,
                            static_cast<std::int32_t>(at)};
        }
    });
  }

  void run(const RunContext& c) const noexcept {
    const ImageInfo image = image_info(reinterpret_cast<const float*>(c.read(info_in)));
    auto* regions = reinterpret_cast<float*>(c.write(out));
    auto* region_scores = a.scores ? reinterpret_cast<float*>(c.write(scores_out)) : nullptr;
    for (std::int64_t n = 0; n < batch; ++n) {
      enumerate(c, n, image);
      const std::int64_t first = n * a.post_nms_topn;
      choose(c, n, image, regions + first * 5, region_scores == nullptr ? nullptr : region_scores + first);
    }
  }

  /// Greedy suppression of the best proposals; writes those that survive and fills up the rows behind them.
  void choose(const RunContext& c, std::int64_t n, const ImageInfo& image, float* regions,
              float* region_scores) const noexcept {
    const auto* boxes = scratch_array<const Box>(c.scratch, boxes_at);
    auto* candidates = scratch_array<Candidate>(c.scratch, candidates_at);
    const BoxColumns kept = BoxColumns::in(scratch_array<float>(c.scratch, kept_at), a.post_nms_topn);
    const std::int64_t best = keep_best(candidates, count(), a.pre_nms_topn);
    std::int64_t done = 0;
    for (std::int64_t i = 0; i < best && done < a.post_nms_topn; ++i) {
      if (a.simpler_nms && !(candidates[i].score > 0)) break;
      const Box& box = boxes[candidates[i].index];
      const float area = area_of(box, extent);
      if (overlaps_any(kept, done, box, area, static_cast<float>(a.nms_thresh), extent)) continue;
      kept.set(done, box, area);
      write(regions + done * 5, n, box, image);
      if (region_scores != nullptr) region_scores[done] = candidates[i].score;
      ++done;
    }
    std::fill(regions + done * 5, regions + a.post_nms_topn * 5, 0.0F);
    if (done < a.post_nms_topn) regions[done * 5] = -1.0F;
    if (region_scores != nullptr) std::fill(region_scores + done, region_scores + a.post_nms_topn, 0.0F);
  }

  void write(float* row, std::int64_t n, Box box, const ImageInfo& image) const noexcept {
    if (a.clip_after_nms) box = clipped(box, image, 0);
    if (a.normalize)
      box = {box.x1 / image.width, box.y1 / image.height, box.x2 / image.width, box.y2 / image.height};
    const float values[5] = {static_cast<float>(n), box.x1, box.y1, box.x2, box.y2};
    std::copy(values, values + 5, row);
  }
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef scores = context.tensor(node.inputs[0]);
  const auto& a = node.attributes.as<ProposalAttributes>();
  Proposals p{.a = a,
              .anchors = make_anchors(a),
              .batch = scores.shape[0],
              .rows = scores.shape[2],
              .columns = scores.shape[3],
              .numbers = element_count(context.graph().value(node.inputs[2]).shape),
              .extent = a.tensorflow ? 0.0F : 1.0F,
              .scores_in = scores.where,
              .deltas_in = context.tensor(node.inputs[1]).where,
              .info_in = context.tensor(node.inputs[2]).where,
              .out = context.tensor(node.outputs[0]).where,
              .scores_out = context.tensor(node.outputs.back()).where,
              .boxes_at = 0,
              .candidates_at = 0,
              .kept_at = 0};
  ScratchLayout layout;
  p.boxes_at = layout.take<Box>(p.count());
  p.candidates_at = layout.take<Candidate>(p.count());
  p.kept_at = layout.take<float>(static_cast<std::int64_t>(BoxColumns::kColumns) * a.post_nms_topn);
  return make_step(
      "proposal", [p](const RunContext& c) noexcept { p.run(c); }, layout.bytes());
}

}  // namespace

extern const OpRecord proposal_op;
const OpRecord proposal_op{.name = "Proposal", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
