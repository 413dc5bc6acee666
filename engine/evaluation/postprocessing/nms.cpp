#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/evaluation/metrics/box_overlap.h"
#include "engine/evaluation/postprocessing/postprocessor.h"

namespace refcalib::engine {
namespace {

void keep(BoxPrediction& boxes, const std::vector<std::size_t>& kept) {
  BoxPrediction out;
  for (const std::size_t i : kept) {
    out.boxes.push_back(boxes.boxes[i]);
    out.labels.push_back(boxes.labels[i]);
    out.scores.push_back(boxes.scores[i]);
  }
  boxes = std::move(out);
}

std::vector<std::size_t> best_first(const BoxPrediction& boxes) {
  std::vector<std::size_t> order(boxes.boxes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return boxes.scores[a] > boxes.scores[b]; });
  return order;
}

/// Of boxes that overlap by more than `overlap` only the best stays, over all labels unless `per_class`.
class Nms : public Postprocessor {
 public:
  Nms(double overlap, double boundary, std::size_t most, bool per_class)
      : overlap_(overlap), boundary_(boundary), most_(most), per_class_(per_class) {}

 private:
  void run(Truth&, Prediction& prediction, const SampleGeometry&) const override {
    prediction_as<BoxPrediction>(prediction, "postprocessing 'nms'");
    auto& boxes = std::get<BoxPrediction>(prediction);
    std::vector<std::size_t> kept, order = best_first(boxes);
    if (most_ > 0 && order.size() > most_) order.resize(most_);
    for (const std::size_t i : order) {
      const bool covered = std::any_of(kept.begin(), kept.end(), [&](std::size_t k) {
        return (!per_class_ || boxes.labels[k] == boxes.labels[i]) &&
               box_iou(boxes.boxes[k], boxes.boxes[i], boundary_) > overlap_;
      });
      if (!covered) kept.push_back(i);
    }
    keep(boxes, kept);
  }

  double overlap_, boundary_;
  std::size_t most_;
  bool per_class_;
};

/// Scores of boxes are lowered by their overlap with better ones (Bodla and others, 2017: Gaussian), and those
/// that fall below `min_score` are dropped.
class SoftNms : public Postprocessor {
 public:
  SoftNms(std::size_t most, double sigma, double least) : most_(most), sigma_(sigma), least_(least) {}

 private:
  void run(Truth&, Prediction& prediction, const SampleGeometry&) const override {
    prediction_as<BoxPrediction>(prediction, "postprocessing 'soft_nms'");
    auto& boxes = std::get<BoxPrediction>(prediction);
    std::vector<std::size_t> kept, left = best_first(boxes);
    if (most_ > 0 && left.size() > most_) left.resize(most_);
    while (!left.empty()) {
      const auto best = std::max_element(left.begin(), left.end(), [&](std::size_t a, std::size_t b) {
        return boxes.scores[a] < boxes.scores[b];
      });
      const std::size_t chosen = *best;
      left.erase(best);
      kept.push_back(chosen);
      for (const std::size_t i : left) {
        if (boxes.labels[i] != boxes.labels[chosen]) continue;
        const double overlap = box_iou(boxes.boxes[i], boxes.boxes[chosen], 1);
        boxes.scores[i] =
            static_cast<float>(static_cast<double>(boxes.scores[i]) * std::exp(-overlap * overlap / sigma_));
      }
      std::erase_if(left, [&](std::size_t i) { return static_cast<double>(boxes.scores[i]) < least_; });
    }
    keep(boxes, kept);
  }

  std::size_t most_;
  double sigma_, least_;
};

/// Takes out boxes that are not wanted, among them those of `labels`: predictions are dropped, annotations become difficult ones (or are
/// dropped, with `remove_filtered`).
class Filter : public Postprocessor {
 public:
  explicit Filter(Fields& fields) : to_(ApplyTo::read(fields, "all")) {
    for (const double label : fields.numbers("labels")) labels_.push_back(static_cast<std::int64_t>(label));
    least_score_ = fields.optional_number("min_confidence", {});
    heights_ = read_range(fields, "height_range");
    widths_ = read_range(fields, "width_range");
    areas_ = read_range(fields, "area_range");
    ratios_ = read_range(fields, "aspect_ratio");
    shares_ = read_range(fields, "area_ratio");
    no_empty_ = fields.flag("is_empty", false);
    fields.ignore("min_visibility");  // no annotation here states how visible its objects are
    remove_ = fields.flag("remove_filtered", false);
  }

 private:
  using Limits = std::optional<std::pair<double, double>>;

  static Limits read_range(Fields& fields, std::string_view key) {
    const std::vector<double> values = fields.numbers(key);
    if (values.empty()) return std::nullopt;
    if (values.size() > 2 || (values.size() == 2 && values[0] > values[1]))
      fields.fail(key, "'" + std::string(key) + "' must be a lower limit, or a lower and an upper one");
    return std::pair{values[0], values.size() == 2 ? values[1] : HUGE_VAL};
  }

  static bool outside(const Limits& limits, double value) {
    return limits && (value < limits->first || value > limits->second);
  }

  bool unwanted(const Box& box, std::int64_t label) const {
    const double width = box.x2 - box.x1, height = box.y2 - box.y1;
    if (std::find(labels_.begin(), labels_.end(), label) != labels_.end()) return true;
    return outside(heights_, height) || outside(widths_, width) || outside(areas_, width * height) ||
           outside(ratios_, height / std::max(width, std::numeric_limits<double>::epsilon())) ||
           (no_empty_ && (width <= 0 || height <= 0));
  }

  void run(Truth& truth, Prediction& prediction, const SampleGeometry& geometry) const override {
    constexpr std::string_view who = "postprocessing 'filter'";
    if (to_.prediction) {
      prediction_as<BoxPrediction>(prediction, who);
      auto& boxes = std::get<BoxPrediction>(prediction);
      std::vector<std::size_t> kept;
      for (std::size_t i = 0; i < boxes.boxes.size(); ++i) {
        const bool weak = least_score_ && static_cast<double>(boxes.scores[i]) < *least_score_;
        if (!weak && !unwanted(boxes.boxes[i], boxes.labels[i])) kept.push_back(i);
      }
      keep(boxes, kept);
    }
    if (to_.truth) filter_truth(truth, static_cast<double>(geometry.width) * geometry.height, who);
  }

  void filter_truth(Truth& truth, double picture, std::string_view who) const {
    truth_as<BoxTruth>(truth, who);
    auto& boxes = std::get<BoxTruth>(truth);
    boxes.difficult.resize(boxes.boxes.size());
    boxes.crowd.resize(boxes.boxes.size());
    BoxTruth out;
    for (std::size_t i = 0; i < boxes.boxes.size(); ++i) {
      const Box& box = boxes.boxes[i];
      const double share = std::max(0.0, (box.x2 - box.x1) * (box.y2 - box.y1)) / std::max(1.0, picture);
      const bool bad = unwanted(box, boxes.labels[i]) || outside(shares_, std::sqrt(share));
      if (bad && remove_) continue;
      out.boxes.push_back(boxes.boxes[i]);
      out.labels.push_back(boxes.labels[i]);
      out.difficult.push_back(bad ? std::uint8_t{1} : boxes.difficult[i]);
      out.crowd.push_back(boxes.crowd[i]);
    }
    boxes = std::move(out);
  }

  ApplyTo to_;
  std::vector<std::int64_t> labels_;
  std::optional<double> least_score_;
  Limits heights_, widths_, areas_, ratios_;  ///< the last: height by width
  Limits shares_;  ///< root of the share of the picture that an annotated box covers
  bool no_empty_ = false, remove_ = false;
};

std::unique_ptr<Postprocessor> make_nms(Fields& fields, const DatasetMeta&) {
  const double overlap = fields.number("overlap", 0.5, {0, 1});
  const double boundary = fields.flag("include_boundaries", true) ? 1 : 0;
  const auto most = fields.optional_number("keep_top_k", {0, 1e9, true});
  const bool per_class = fields.flag("per_class", false);
  return std::make_unique<Nms>(overlap, boundary, static_cast<std::size_t>(most.value_or(0)), per_class);
}

std::unique_ptr<Postprocessor> make_soft(Fields& fields, const DatasetMeta&) {
  const auto most = fields.optional_number("keep_top_k", {0, 1e9, true});
  const double sigma = fields.number("sigma", 0.5, {1e-9, 1e9});
  return std::make_unique<SoftNms>(static_cast<std::size_t>(most.value_or(0)), sigma,
                                   fields.number("min_score", 0.001, {0, 1}));
}

std::unique_ptr<Postprocessor> make_filter(Fields& fields, const DatasetMeta&) {
  return std::make_unique<Filter>(fields);
}

}  // namespace

extern const PostprocessorRecord nms_postprocessor{
    .name = "nms", .summary = "of boxes that overlap the best one stays", .make = make_nms};
extern const PostprocessorRecord soft_nms_postprocessor{
    .name = "soft_nms", .summary = "lowers the scores of boxes that overlap better ones", .make = make_soft};
extern const PostprocessorRecord filter_postprocessor{
    .name = "filter", .summary = "takes out boxes by score, label or size", .make = make_filter};

}  // namespace refcalib::engine
