#include "engine/ops/class_suppression.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "engine/ops/computed.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/scratch.h"
#include "engine/ops/whole_tensor.h"

namespace refcalib::engine {
namespace {

struct Sizes {
  bool shared;  ///< all classes have the same boxes
  std::int64_t images, classes, boxes;
  std::int64_t most;  ///< candidates of one class of one image
  std::int64_t rows;
};

std::int64_t limited(std::int64_t count, std::int64_t limit) {
  return limit < 0 ? count : std::min(count, limit);
}

Sizes sizes_of(const ClassSuppressionAttributes& a, const OpInputs& in) {
  require_inputs(in, 2, 3);
  const Shape &boxes = in.shape(0), &scores = in.shape(1);
  require(boxes.size() == 3 && boxes[2] == 4 && is_float(in.dtype(0)),
          "the boxes have the shape " + to_string(boxes) + ", expected floats [N, M, 4]");
  require(boxes[1] < (std::int64_t{1} << 30), "has too many boxes");
  Sizes s{.shared = scores.size() == 3, .images = 0, .classes = 0, .boxes = boxes[1], .most = 0, .rows = 0};
  const bool fit = s.shared ? scores[0] == boxes[0] && scores[2] == boxes[1]
                            : in.size() == 3 && scores == Shape{boxes[0], boxes[1]};
  require(fit && is_float(in.dtype(1)),
          "the scores have the shape " + to_string(scores) + " for boxes " + to_string(boxes));
  require(s.shared || (in.shape(2).size() == 1 && !is_float(in.dtype(2))),
          "the numbers of boxes are no list of integers");
  s.images = s.shared ? scores[0] : in.shape(2)[0];
  s.classes = s.shared ? scores[1] : scores[0];
  s.most = limited(s.boxes, a.top_k);
  const bool background = a.background >= 0 && a.background < s.classes;
  const std::int64_t of_image =
      limited(element_count({s.most, s.classes - (background ? 1 : 0)}), a.keep_top_k);
  s.rows = element_count({s.images, of_image});
  require(s.rows > 0, "nothing can be chosen: the limits or the inputs leave no boxes");
  require(element_count({s.images, s.classes}) < (std::int64_t{1} << 30), "has too many classes");
  return s;
}

/// A row of the result before it is written.
struct Row {
  float score;
  std::int32_t image, label, box;  ///< box: within its image
};

bool by_score(const Row& a, const Row& b) noexcept {
  if (a.score != b.score) return a.score > b.score;
  return std::tie(a.image, a.label, a.box) < std::tie(b.image, b.label, b.box);
}

bool by_class(const Row& a, const Row& b) noexcept {
  if (a.label != b.label) return a.label < b.label;
  if (a.image != b.image) return a.image < b.image;
  return a.score != b.score ? a.score > b.score : a.box < b.box;
}

/// The bound operation; immutable.
struct Bound {
  ClassSuppressionAttributes a;
  Sizes s;
  Attributes attributes;
  ChooseOfClass choose;
  bool inclusive;
  Operand boxes, scores, counts, rows, positions, valid;
  DType count_type;
  std::size_t rows_at, done_at, starts_at, candidates_at, chosen_at, work_at;

  Row* row(const RunContext& c) const noexcept { return scratch_array<Row>(c.scratch, rows_at); }
  const float* boxes_of(const RunContext& c, std::int64_t image, std::int64_t label) const noexcept {
    const auto* all = reinterpret_cast<const float*>(c.read(boxes));
    const auto* starts = scratch_array<const std::int64_t>(c.scratch, starts_at);
    return all + (s.shared ? image * s.boxes : label * s.boxes + starts[image]) * 4;
  }

  /// Where the boxes of each image begin, one entry more than there are images.
  void find_starts(const RunContext& c) const noexcept {
    auto* starts = scratch_array<std::int64_t>(c.scratch, starts_at);
    starts[0] = 0;
    const WholeInput input{s.shared ? nullptr : c.read(counts), count_type, {}};
    for (std::int64_t i = 0; i < s.images; ++i) {
      const std::int64_t count = s.shared ? 0 : input.integer(i);
      starts[i + 1] = starts[i] + std::clamp<std::int64_t>(count, 0, s.boxes - starts[i]);
    }
  }

  void run_class(const RunContext& c, std::int64_t list, int member) const noexcept {
    const std::int64_t image = list / s.classes, label = list % s.classes;
    std::int64_t& done = scratch_array<std::int64_t>(c.scratch, done_at)[list];
    done = 0;
    if (label == a.background) return;
    const auto* starts = scratch_array<const std::int64_t>(c.scratch, starts_at);
    const auto* all = reinterpret_cast<const float*>(c.read(scores));
    const float* own = all + (s.shared ? list * s.boxes : label * s.boxes + starts[image]);
    const std::int64_t boxes_here = s.shared ? s.boxes : starts[image + 1] - starts[image];
    std::byte* scratch = c.scratch_of(member);
    auto* candidates = scratch_array<Candidate>(scratch, candidates_at);
    const auto lowest = static_cast<float>(a.score_threshold);
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < boxes_here; ++i)
      if (own[i] > lowest || (inclusive && own[i] == lowest))
        candidates[count++] = {own[i], static_cast<std::int32_t>(i)};
    count = keep_best(candidates, count, s.most);
    auto* chosen = scratch_array<Candidate>(scratch, chosen_at);
    done = choose(attributes, {boxes_of(c, image, label), candidates, count,
                               scratch_array<float>(scratch, work_at), chosen});
    Row* out = row(c) + list * s.most;
    for (std::int64_t i = 0; i < done; ++i)
      out[i] = {chosen[i].score, static_cast<std::int32_t>(image), static_cast<std::int32_t>(label),
                chosen[i].index};
  }

  /// Moves the rows of all classes to the front, the best of each image in order. Returns how many there are.
  std::int64_t merge(const RunContext& c) const noexcept {
    const auto* done = scratch_array<const std::int64_t>(c.scratch, done_at);
    Row* const all = row(c);
    std::int64_t total = 0;
    for (std::int64_t image = 0; image < s.images; ++image) {
      std::int64_t end = total;
      for (std::int64_t list = image * s.classes; list < (image + 1) * s.classes; ++list)
        for (std::int64_t i = 0; i < done[list]; ++i) all[end++] = all[list * s.most + i];
      std::sort(all + total, all + end, by_score);
      if (a.keep_top_k >= 0) end = std::min(end, total + a.keep_top_k);
      if (a.sort == "class") std::sort(all + total, all + end, by_class);
      write_count(c, image, end - total);
      total = end;
    }
    if (a.across_images && a.sort != "none")
      std::sort(all, all + total, a.sort == "class" ? by_class : by_score);
    return total;
  }

  void put(std::byte* to, std::int64_t i, std::int64_t value) const noexcept {
    if (a.index64)
      reinterpret_cast<std::int64_t*>(to)[i] = value;
    else
      reinterpret_cast<std::int32_t*>(to)[i] = static_cast<std::int32_t>(value);
  }
  void write_count(const RunContext& c, std::int64_t image, std::int64_t count) const noexcept {
    put(c.write(valid), image, count);
  }

  void write_rows(const RunContext& c, std::int64_t used) const noexcept {
    auto* out = reinterpret_cast<float*>(c.write(rows));
    const auto* starts = scratch_array<const std::int64_t>(c.scratch, starts_at);
    std::fill(out + used * 6, out + s.rows * 6, -1.0F);
    for (std::int64_t i = 0; i < s.rows; ++i) {
      if (i >= used) {
        put(c.write(positions), i, -1);
        continue;
      }
      const Row& r = row(c)[i];
      const float* box = boxes_of(c, r.image, r.label) + std::int64_t{r.box} * 4;
      out[i * 6] = static_cast<float>(r.label);
      out[i * 6 + 1] = r.score;
      std::copy(box, box + 4, out + i * 6 + 2);
      put(c.write(positions), i,
          s.shared ? r.image * s.boxes + r.box : (starts[r.image] + r.box) * s.classes + r.label);
    }
  }

  void run(const RunContext& c) const noexcept {
    find_starts(c);
    c.team.parallel_for(s.images * s.classes, 1, [&](std::int64_t begin, std::int64_t end, int member) {
      for (std::int64_t list = begin; list < end; ++list) run_class(c, list, member);
    });
    write_rows(c, merge(c));
  }
};

}  // namespace

std::vector<OutputType> infer_class_suppression(const ClassSuppressionAttributes& a, const OpInputs& in) {
  require(a.sort == "none" || a.sort == "score" || a.sort == "class",
          "the order '" + a.sort + "' of results is none of none, score and class");
  const Sizes s = sizes_of(a, in);
  const DType integer = a.index64 ? DType::i64 : DType::i32;
  return {{DType::f32, {s.rows, 6}}, {integer, {s.rows, 1}}, {integer, {s.images}}};
}

std::unique_ptr<Step> plan_class_suppression(const ClassSuppressionAttributes& a, const Node& node,
                                             PlanContext& context, const char* name, bool inclusive,
                                             ChooseOfClass choose) {
  const Sizes s = sizes_of(a, {context.graph(), node.inputs});
  const auto where = [&](ValueId id) { return context.tensor(id).where; };
  const std::int64_t lists = s.images * s.classes;
  const TensorRef counts = stored_tensor(context, node.inputs.back());
  ScratchLayout layout;
  const Bound bound{.a = a,
                    .s = s,
                    .attributes = node.attributes,
                    .choose = choose,
                    .inclusive = inclusive,
                    .boxes = where(node.inputs[0]),
                    .scores = where(node.inputs[1]),
                    .counts = counts.where,
                    .rows = where(node.outputs[0]),
                    .positions = where(node.outputs[1]),
                    .valid = where(node.outputs[2]),
                    .count_type = counts.dtype,
                    .rows_at = layout.take<Row>(element_count({lists, s.most})),
                    .done_at = layout.take<std::int64_t>(lists),
                    .starts_at = layout.take<std::int64_t>(s.images + 1),
                    .candidates_at = layout.take<Candidate>(s.boxes),
                    .chosen_at = layout.take<Candidate>(s.most),
                    .work_at = layout.take<float>(element_count({ClassTask::kWorkPerCandidate, s.most}))};
  return make_step(
      name, [bound](const RunContext& c) noexcept { bound.run(c); }, layout.bytes());
}

}  // namespace refcalib::engine
