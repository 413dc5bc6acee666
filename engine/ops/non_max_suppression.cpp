#include "engine/ops/non_max_suppression.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/boxes.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/scratch.h"

namespace refcalib::engine {
namespace {

struct Sizes {
  std::int64_t batch, classes, boxes;
  std::int64_t most;  ///< results of one class in one image
  std::int64_t rows;
};

Sizes sizes_of(const NonMaxSuppressionAttributes& a, const OpInputs& in) {
  require_inputs(in, 2, 2);
  const Shape &boxes = in.shape(0), &scores = in.shape(1);
  require(boxes.size() == 3 && boxes[2] == 4 && is_float(in.dtype(0)),
          "the boxes have the shape " + to_string(boxes) + ", expected floats [B, n, 4]");
  require(scores.size() == 3 && scores[0] == boxes[0] && scores[2] == boxes[1] && is_float(in.dtype(1)),
          "the scores have the shape " + to_string(scores) + " for boxes " + to_string(boxes));
  require(boxes[1] < (std::int64_t{1} << 30), "has too many boxes");
  Sizes s{scores[0], scores[1], boxes[1], std::clamp<std::int64_t>(a.max_boxes, 0, boxes[1]), a.rows};
  require(s.most > 0, "max_output_boxes_per_class is 0: nothing can be chosen");
  require(s.rows >= 0, "the number of rows is negative");
  if (s.rows == 0) s.rows = element_count({s.batch, s.classes, s.most});
  return s;
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<NonMaxSuppressionAttributes>();
  const Sizes s = sizes_of(a, in);
  require(std::isfinite(a.soft_nms_sigma) && a.soft_nms_sigma >= 0, "soft_nms_sigma is negative");
  const DType index = a.index64 ? DType::i64 : DType::i32;
  std::vector<OutputType> types{{index, {s.rows, 3}}};
  if (a.scores) {
    types.push_back({DType::f32, {s.rows, 3}});
    types.push_back({index, {1}});
  }
  return types;
}

/// A result: `list` is batch * classes + class.
struct Chosen {
  float score;
  std::int32_t list, box;
};

bool ahead(const Chosen& a, const Chosen& b) noexcept {
  if (a.score != b.score) return a.score > b.score;
  return a.list != b.list ? a.list < b.list : a.box < b.box;
}

/// A candidate of the soft suppression and the first chosen box that it has not been compared with.
struct Waiting {
  Candidate candidate;
  std::int32_t compared;
};

bool behind(const Waiting& a, const Waiting& b) noexcept {
  return better(b.candidate, a.candidate);
}

/// The bound operation; immutable.
struct Suppression {
  NonMaxSuppressionAttributes a;
  Sizes s;
  Operand boxes_in, scores_in;
  Operand indices, chosen_scores, valid;
  std::size_t chosen_at, count_at, waiting_at, columns_at;

  Box box_at(const float* boxes, std::int64_t i) const noexcept {
    const float* b = boxes + i * 4;
    if (a.center) return {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
    return {std::min(b[1], b[3]), std::min(b[0], b[2]), std::max(b[1], b[3]), std::max(b[0], b[2])};
  }

  /// Hard suppression: `w` is 1, so a candidate is chosen or dropped at once. Returns the number of chosen.
  std::int64_t choose(const float* boxes, Candidate* candidates, std::int64_t count,
                      const BoxColumns& columns, std::int32_t list, Chosen* out) const noexcept {
    const auto stated = static_cast<float>(a.iou_threshold);
    const float threshold = a.drop_equal ? std::nextafter(stated, -INFINITY) : stated;
    count = keep_best(candidates, count, -1);
    std::int64_t done = 0;
    for (std::int64_t i = 0; i < count && done < s.most; ++i) {
      const Box box = box_at(boxes, candidates[i].index);
      const float area = area_of(box, 0);
      if (overlaps_any(columns, done, box, area, threshold, 0)) continue;
      columns.set(done, box, area);
      out[done++] = {candidates[i].score, list, candidates[i].index};
    }
    return done;
  }

  /// Lowers the score of a candidate by the boxes chosen since it was last looked at, newest first. False if it
  /// is dropped.
  bool weigh(Waiting& w, const Box& box, const BoxColumns& columns, std::int64_t done) const noexcept {
    const auto threshold = static_cast<float>(a.iou_threshold);
    const auto lowest = static_cast<float>(a.score_threshold);
    const float scale = -0.5F / static_cast<float>(a.soft_nms_sigma), area = area_of(box, 0);
    for (std::int64_t j = done; j-- > w.compared;) {
      const float iou = overlap(box, area, columns.box(j), columns.area[j], 0);
      if (iou > threshold || (a.drop_equal && iou == threshold)) return false;
      w.candidate.score *= std::exp(scale * iou * iou);
      if (!(w.candidate.score > lowest)) return false;
    }
    w.compared = static_cast<std::int32_t>(done);
    return true;
  }

  std::int64_t choose_soft(const float* boxes, Waiting* queue, std::int64_t count, const BoxColumns& columns,
                           std::int32_t list, Chosen* out) const noexcept {
    std::make_heap(queue, queue + count, behind);
    std::int64_t done = 0;
    while (count > 0 && done < s.most) {
      std::pop_heap(queue, queue + count, behind);
      Waiting w = queue[--count];
      const float before = w.candidate.score;
      const Box box = box_at(boxes, w.candidate.index);
      if (!weigh(w, box, columns, done)) continue;
      if (w.candidate.score != before) {
        queue[count++] = w;
        std::push_heap(queue, queue + count, behind);
        continue;
      }
      columns.set(done, box, area_of(box, 0));
      out[done++] = {before, list, w.candidate.index};
    }
    return done;
  }

  void run_list(const RunContext& c, std::int64_t list, int member) const noexcept {
    std::byte* own = c.scratch_of(member);
    const float* boxes = reinterpret_cast<const float*>(c.read(boxes_in)) + list / s.classes * s.boxes * 4;
    const float* scores = reinterpret_cast<const float*>(c.read(scores_in)) + list * s.boxes;
    const BoxColumns columns = BoxColumns::in(scratch_array<float>(own, columns_at), s.most);
    Chosen* out = scratch_array<Chosen>(c.scratch, chosen_at) + list * s.most;
    const auto lowest = static_cast<float>(a.score_threshold);
    const auto number = static_cast<std::int32_t>(list);
    std::int64_t& done = scratch_array<std::int64_t>(c.scratch, count_at)[list];
    std::int64_t count = 0;
    if (a.soft_nms_sigma > 0) {
      auto* queue = scratch_array<Waiting>(own, waiting_at);
      for (std::int64_t i = 0; i < s.boxes; ++i)
        if (scores[i] > lowest) queue[count++] = {{scores[i], static_cast<std::int32_t>(i)}, 0};
      done = choose_soft(boxes, queue, count, columns, number, out);
    } else {
      auto* candidates = scratch_array<Candidate>(own, waiting_at);
      for (std::int64_t i = 0; i < s.boxes; ++i)
        if (scores[i] > lowest) candidates[count++] = {scores[i], static_cast<std::int32_t>(i)};
      done = choose(boxes, candidates, count, columns, number, out);
    }
  }

  /// Moves the results of all lists to the front, in order; returns how many are given out.
  std::int64_t merge(const RunContext& c) const noexcept {
    auto* chosen = scratch_array<Chosen>(c.scratch, chosen_at);
    const auto* count = scratch_array<const std::int64_t>(c.scratch, count_at);
    std::int64_t total = 0;
    for (std::int64_t list = 0; list < s.batch * s.classes; ++list)
      for (std::int64_t i = 0; i < count[list]; ++i) chosen[total++] = chosen[list * s.most + i];
    if (a.sort_result_descending) std::sort(chosen, chosen + total, ahead);
    return std::min(total, s.rows);
  }

  template <class Index>
  void write(const RunContext& c, std::int64_t used) const noexcept {
    const auto* chosen = scratch_array<const Chosen>(c.scratch, chosen_at);
    auto* rows = reinterpret_cast<Index*>(c.write(indices));
    std::fill(rows + used * 3, rows + s.rows * 3, static_cast<Index>(-1));
    for (std::int64_t i = 0; i < used; ++i) {
      rows[i * 3] = static_cast<Index>(chosen[i].list / s.classes);
      rows[i * 3 + 1] = static_cast<Index>(chosen[i].list % s.classes);
      rows[i * 3 + 2] = static_cast<Index>(chosen[i].box);
    }
    if (!a.scores) return;
    auto* scores = reinterpret_cast<float*>(c.write(chosen_scores));
    std::fill(scores + used * 3, scores + s.rows * 3, -1.0F);
    for (std::int64_t i = 0; i < used; ++i) {
      scores[i * 3] = static_cast<float>(chosen[i].list / s.classes);
      scores[i * 3 + 1] = static_cast<float>(chosen[i].list % s.classes);
      scores[i * 3 + 2] = chosen[i].score;
    }
    *reinterpret_cast<Index*>(c.write(valid)) = static_cast<Index>(used);
  }

  void run(const RunContext& c) const noexcept {
    c.team.parallel_for(s.batch * s.classes, 1, [&](std::int64_t begin, std::int64_t end, int member) {
      for (std::int64_t list = begin; list < end; ++list) run_list(c, list, member);
    });
    const std::int64_t used = merge(c);
    if (a.index64)
      write<std::int64_t>(c, used);
    else
      write<std::int32_t>(c, used);
  }
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<NonMaxSuppressionAttributes>();
  const Sizes s = sizes_of(a, {context.graph(), node.inputs});
  const auto where = [&](ValueId id) { return context.tensor(id).where; };
  ScratchLayout layout;
  const std::int64_t lists = element_count({s.batch, s.classes});
  require(lists < (std::int64_t{1} << 30), "has too many classes");
  const std::size_t chosen_at = layout.take<Chosen>(element_count({lists, s.most}));
  const std::size_t count_at = layout.take<std::int64_t>(lists);
  const std::size_t waiting_at = layout.take<Waiting>(s.boxes);
  const std::size_t columns_at = layout.take<float>(static_cast<std::int64_t>(BoxColumns::kColumns) * s.most);
  const Suppression bound{a,
                          s,
                          where(node.inputs[0]),
                          where(node.inputs[1]),
                          where(node.outputs[0]),
                          where(node.outputs[a.scores ? 1 : 0]),
                          where(node.outputs[a.scores ? 2 : 0]),
                          chosen_at,
                          count_at,
                          waiting_at,
                          columns_at};
  return make_step(
      a.soft_nms_sigma > 0 ? "non_max_suppression/soft" : "non_max_suppression/hard",
      [bound](const RunContext& c) noexcept { bound.run(c); }, layout.bytes());
}

}  // namespace

extern const OpRecord non_max_suppression_op;
const OpRecord non_max_suppression_op{.name = "NonMaxSuppression", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
