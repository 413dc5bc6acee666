#include "engine/ops/detection_output.h"

#include <algorithm>
#include <array>

#include "engine/ops/detection_scene.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/scratch.h"

namespace refcalib::engine {
namespace {

/// A box that survived in its class, as the choice of the best of an image sees it.
struct Survivor {
  float score;
  std::int32_t label, rank;  ///< rank: place in its class
};

bool ahead(const Survivor& a, const Survivor& b) noexcept {
  if (a.score != b.score) return a.score > b.score;
  return a.label != b.label ? a.label < b.label : a.rank < b.rank;
}

std::int64_t per_image(const OpInputs& in, std::size_t i, std::int64_t images) {
  const Shape& shape = in.shape(i);
  require(!shape.empty() && shape[0] == images && is_float(in.dtype(i)),
          "input " + std::to_string(i) + " has the shape " + to_string(shape) + ", expected floats of " +
              std::to_string(images) + " images");
  return element_count(shape) / images;
}

/// Rows of the output, and how many boxes of one class can be among them.
void set_limits(const DetectionOutputAttributes& a, DetectionShape& s) {
  s.most_kept = a.top_k >= 0 ? std::min(a.top_k, s.priors) : s.priors;
  // What one class keeps beyond keep_top_k boxes are never among the image's best keep_top_k.
  if (a.keep_top_k > 0) s.most_kept = std::min(s.most_kept, a.keep_top_k);
  std::int64_t rows = a.keep_top_k;
  if (rows <= 0) rows = element_count({a.top_k > 0 ? a.top_k : s.priors, s.classes});
  s.rows = element_count({s.images, rows});
}

DetectionShape shape_of(const DetectionOutputAttributes& a, const OpInputs& in) {
  require(in.size() == 3 || in.size() == 5, "has " + std::to_string(in.size()) + " inputs, expected 3 or 5");
  DetectionShape s;
  require(!in.shape(0).empty() && in.shape(0)[0] > 0, "locations have no batch");
  s.images = in.shape(0)[0];
  const Shape& priors = in.shape(2);
  s.prior_size = a.normalized ? 4 : 5;
  require(priors.size() == 3 && (priors[0] == 1 || priors[0] == s.images) &&
              (priors[1] == 2 || (priors[1] == 1 && a.variance_encoded_in_target)) && priors[2] > 0 &&
              priors[2] % s.prior_size == 0 && is_float(in.dtype(2)),
          "priors have the shape " + to_string(priors));
  s.prior_images = priors[0];
  s.prior_rows = priors[1];
  s.priors = priors[2] / s.prior_size;
  require(s.priors < (std::int64_t{1} << 30), "has too many priors");
  const std::int64_t scores = per_image(in, 1, s.images);
  require(
      scores > 0 && scores % s.priors == 0,
      "the scores " + to_string(in.shape(1)) + " do not belong to " + std::to_string(s.priors) + " priors");
  s.classes = scores / s.priors;
  require(a.num_classes == 0 || a.num_classes == s.classes,
          "has " + std::to_string(s.classes) + " scores for each prior, but num_classes is " +
              std::to_string(a.num_classes));
  s.location_classes = a.share_location ? 1 : s.classes;
  const std::int64_t locations = element_count({s.priors, s.location_classes, 4});
  require(per_image(in, 0, s.images) == locations, "the locations " + to_string(in.shape(0)) +
                                                       " do not belong to " + std::to_string(s.priors) +
                                                       " priors");
  if (in.size() == 5) {
    require(per_image(in, 3, s.images) == 2 * s.priors, "the anchor scores do not belong to the priors");
    require(per_image(in, 4, s.images) == locations, "the anchor locations do not belong to the priors");
  }
  require(a.background_label_id < s.classes, "the background is not among the classes");
  require(a.normalized || (a.input_width > 0 && a.input_height > 0), "the input size is not positive");
  require(!a.decrease_label_id || a.background_label_id == 0,
          "decrease_label_id needs the background to be class 0");
  set_limits(a, s);
  return s;
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const DetectionShape s = shape_of(attributes.as<DetectionOutputAttributes>(), in);
  return {{DType::f32, {1, 1, s.rows, 7}}};
}

/// The bound operation. Scratch of member 0 holds what all members share, behind it that of every member.
class DetectionStep final : public Step {
 public:
  DetectionStep(const DetectionOutputAttributes& rules, const DetectionShape& shape,
                const std::array<Operand, 5>& inputs, bool refined, Operand output)
      : rules_(rules), shape_(shape), inputs_(inputs), refined_(refined), output_(output) {
    const bool best_only = rules.decrease_label_id;
    capacity_ = best_only ? 1 : list_capacity(shape.priors, rules.top_k);
    const std::int64_t kept = element_count({shape.classes, shape.most_kept});
    decoded_at_ = layout_.take<Box>(shape.location_classes == 1 ? shape.priors : 0);
    kept_at_ = layout_.take<Candidate>(kept);
    kept_count_at_ = layout_.take<std::int64_t>(shape.classes);
    survivors_at_ = layout_.take<Survivor>(kept);
    best_at_ = layout_.take<Candidate>(best_only ? shape.priors : 0);
    labels_at_ = layout_.take<std::int32_t>(best_only ? shape.priors : 0);
    lists_at_ = layout_.take<Candidate>(kClassBlock * capacity_);
    // A limit that all boxes together cannot reach rules nothing out.
    bar_size_ = rules.keep_top_k > 0 && rules.keep_top_k < kept ? rules.keep_top_k : 0;
    bar_at_ = layout_.take<float>(bar_size_);
    columns_at_ = layout_.take<float>(static_cast<std::int64_t>(BoxColumns::kColumns) * shape.most_kept);
  }

  std::string kernel() const override {
    return rules_.decrease_label_id ? "detection_output/best_class" : "detection_output/per_class";
  }
  std::size_t scratch_bytes() const override { return layout_.bytes(); }

  void run(const RunContext& c) const noexcept override {
    auto* out = reinterpret_cast<float*>(c.write(output_));
    std::int64_t row = 0;
    for (std::int64_t image = 0; image < shape_.images; ++image) {
      const DetectionScene scene = scene_of(c, image);
      const std::int64_t priors = scene.prior_count();
      decode_shared(c, scene, priors);
      if (rules_.decrease_label_id)
        survive_best_class(c, scene, priors);
      else
        survive_per_class(c, scene, priors);
      row = write_image(c, scene, image, out, row);
    }
    std::fill(out + row * 7, out + shape_.rows * 7, 0.0F);
    if (row < shape_.rows) out[row * 7] = -1.0F;
  }

 private:
  template <class T>
  T* shared(const RunContext& c, std::size_t offset) const noexcept {
    return scratch_array<T>(c.scratch, offset);
  }

  const float* floats(const RunContext& c, std::size_t i) const noexcept {
    return reinterpret_cast<const float*>(c.read(inputs_[i]));
  }

  DetectionScene scene_of(const RunContext& c, std::int64_t image) const noexcept {
    DetectionScene scene{.shape = shape_, .rules = rules_};
    const std::int64_t locations = shape_.priors * shape_.location_classes * 4;
    scene.locations = floats(c, 0) + image * locations;
    scene.scores = floats(c, 1) + image * shape_.priors * shape_.classes;
    const std::int64_t row = shape_.priors * shape_.prior_size;
    scene.boxes = floats(c, 2) + (shape_.prior_images == 1 ? 0 : image) * shape_.prior_rows * row;
    if (!rules_.variance_encoded_in_target) scene.variances = scene.boxes + row;
    if (refined_) {
      scene.anchor_scores = floats(c, 3) + image * shape_.priors * 2;
      scene.anchor_locations = floats(c, 4) + image * locations;
    }
    return scene;
  }

  void decode_shared(const RunContext& c, const DetectionScene& scene, std::int64_t priors) const noexcept {
    if (shape_.location_classes != 1) return;
    Box* decoded = shared<Box>(c, decoded_at_);
    c.team.parallel_for(priors, 512, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t p = begin; p < end; ++p) decoded[p] = scene.decode(p, 0);
    });
  }

  Box box_of(const RunContext& c, const DetectionScene& scene, std::int64_t prior,
             std::int64_t label) const noexcept {
    return shape_.location_classes == 1 ? shared<Box>(c, decoded_at_)[prior] : scene.decode(prior, label);
  }

  /// Adds a candidate to its class unless a better box of the class overlaps it too much; true if added.
  bool offer(const RunContext& c, const DetectionScene& scene, std::int64_t label, const Candidate& candidate,
             const BoxColumns& columns, std::int64_t& count) const noexcept {
    const Box box = box_of(c, scene, candidate.index, label);
    const float area = area_of(box, 0);
    if (overlaps_any(columns, count, box, area, static_cast<float>(rules_.nms_threshold), 0)) return false;
    columns.set(count, box, area);
    shared<Candidate>(c, kept_at_)[label * shape_.most_kept + count++] = candidate;
    return true;
  }

  void survive_per_class(const RunContext& c, const DetectionScene& scene,
                         std::int64_t priors) const noexcept {
    const std::int64_t blocks = (shape_.classes + kClassBlock - 1) / kClassBlock;
    auto* kept_count = shared<std::int64_t>(c, kept_count_at_);
    c.team.parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int member) {
      CandidateLists lists{scratch_array<Candidate>(c.scratch_of(member), lists_at_), capacity_, {}};
      const BoxColumns columns = columns_of(c, member);
      ScoreBar bar(scratch_array<float>(c.scratch_of(member), bar_at_), bar_size_);
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t first = block * kClassBlock;
        collect_candidates(scene, first, priors, bar.least(), lists);
        for (std::int64_t label = first; label < std::min(first + kClassBlock, shape_.classes); ++label) {
          Candidate* list = lists.list(label - first);
          const std::int64_t candidates = keep_best(list, lists.count[label - first], rules_.top_k);
          std::int64_t count = 0;
          for (std::int64_t i = 0; i < candidates && count < shape_.most_kept; ++i) {
            if (list[i].score < bar.least()) break;
            if (offer(c, scene, label, list[i], columns, count)) bar.add(list[i].score);
          }
          kept_count[label] = count;
        }
      }
    });
  }

  /// MXNet: a prior stands for its best class; all classes compete for the `top_k` places in one list.
  void survive_best_class(const RunContext& c, const DetectionScene& scene,
                          std::int64_t priors) const noexcept {
    auto* best = shared<Candidate>(c, best_at_);
    auto* labels = shared<std::int32_t>(c, labels_at_);
    c.team.parallel_for(priors, 256, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t p = begin; p < end; ++p) {
        const float* row = scene.scores + p * shape_.classes;
        float score = -1;
        labels[p] = 0;
        for (std::int64_t label = 1; label < shape_.classes; ++label)
          if (row[label] > score) score = row[label], labels[p] = static_cast<std::int32_t>(label);
        best[p] = {score, static_cast<std::int32_t>(p)};
      }
    });
    std::int64_t candidates = 0;
    const auto threshold = static_cast<float>(rules_.confidence_threshold);
    for (std::int64_t p = 0; p < priors; ++p)
      if (labels[p] != 0 && best[p].score >= threshold && !scene.dropped(p)) best[candidates++] = best[p];
    candidates = keep_best(best, candidates, rules_.top_k);
    auto* kept_count = shared<std::int64_t>(c, kept_count_at_);
    c.team.parallel_for(shape_.classes, 8, [&](std::int64_t begin, std::int64_t end, int member) {
      const BoxColumns columns = columns_of(c, member);
      for (std::int64_t label = begin; label < end; ++label) {
        std::int64_t count = 0;
        for (std::int64_t i = 0; i < candidates && count < shape_.most_kept; ++i)
          if (labels[best[i].index] == label) offer(c, scene, label, best[i], columns, count);
        kept_count[label] = count;
      }
    });
  }

  BoxColumns columns_of(const RunContext& c, int member) const noexcept {
    return BoxColumns::in(scratch_array<float>(c.scratch_of(member), columns_at_), shape_.most_kept);
  }

  /// Limits the classes to the best `keep_top_k` boxes of the image: each keeps a prefix of its own.
  void choose_best(const RunContext& c) const noexcept {
    auto* count = shared<std::int64_t>(c, kept_count_at_);
    auto* survivors = shared<Survivor>(c, survivors_at_);
    const auto* kept = shared<const Candidate>(c, kept_at_);
    std::int64_t total = 0;
    for (std::int64_t label = 0; label < shape_.classes; ++label)
      for (std::int64_t rank = 0; rank < count[label]; ++rank)
        survivors[total++] = {kept[label * shape_.most_kept + rank].score, static_cast<std::int32_t>(label),
                              static_cast<std::int32_t>(rank)};
    if (rules_.keep_top_k <= 0 || total <= rules_.keep_top_k) return;
    std::nth_element(survivors, survivors + rules_.keep_top_k, survivors + total, ahead);
    std::fill(count, count + shape_.classes, 0);
    for (std::int64_t i = 0; i < rules_.keep_top_k; ++i) ++count[survivors[i].label];
  }

  std::int64_t write_image(const RunContext& c, const DetectionScene& scene, std::int64_t image, float* out,
                           std::int64_t row) const noexcept {
    choose_best(c);
    const auto* count = shared<const std::int64_t>(c, kept_count_at_);
    const auto side = [&](float v) { return rules_.clip_after_nms ? std::min(std::max(v, 0.0F), 1.0F) : v; };
    for (std::int64_t label = 0; label < shape_.classes; ++label)
      for (std::int64_t rank = 0; rank < count[label] && row < shape_.rows; ++rank, ++row) {
        const Candidate& kept = shared<const Candidate>(c, kept_at_)[label * shape_.most_kept + rank];
        const Box box = box_of(c, scene, kept.index, label);
        const float values[7] = {static_cast<float>(image),
                                 static_cast<float>(label - (rules_.decrease_label_id ? 1 : 0)),
                                 kept.score,
                                 side(box.x1),
                                 side(box.y1),
                                 side(box.x2),
                                 side(box.y2)};
        std::copy(values, values + 7, out + row * 7);
      }
    return row;
  }

  DetectionOutputAttributes rules_;
  DetectionShape shape_;
  std::array<Operand, 5> inputs_;
  bool refined_;  ///< inputs 3 and 4 are there
  Operand output_;
  ScratchLayout layout_;
  std::int64_t capacity_ = 0, bar_size_ = 0;
  std::size_t decoded_at_, kept_at_, kept_count_at_, survivors_at_, best_at_, labels_at_, lists_at_, bar_at_,
      columns_at_;
};

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<DetectionOutputAttributes>();
  const DetectionShape shape = shape_of(a, {context.graph(), node.inputs});
  std::array<Operand, 5> inputs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) inputs[i] = context.tensor(node.inputs[i]).where;
  return std::make_unique<DetectionStep>(a, shape, inputs, node.inputs.size() == 5,
                                         context.tensor(node.outputs[0]).where);
}

}  // namespace

extern const OpRecord detection_output_op;
const OpRecord detection_output_op{.name = "DetectionOutput", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
