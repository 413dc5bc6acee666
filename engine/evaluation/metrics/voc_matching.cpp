#include "engine/evaluation/metrics/voc_matching.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "engine/evaluation/metrics/box_overlap.h"

namespace refcalib::engine {
namespace {

struct Object {
  Box box;
  bool difficult = false, used = false;
};

/// Takes the best object for a detection and says what that makes of it.
Found take(const Box& box, std::vector<Object>& objects, const VocRules& rules) {
  if (objects.empty()) return Found::wrong;
  double best = -1, best_difficult = -1;
  Object *object = nullptr, *difficult = nullptr;
  for (Object& candidate : objects) {
    double overlap =
        rules.ioa ? box_ioa(box, candidate.box, rules.boundary) : box_iou(box, candidate.box, rules.boundary);
    if (candidate.difficult && rules.many_per_ignored) overlap = box_ioa(box, candidate.box, rules.boundary);
    double& most = candidate.difficult ? best_difficult : best;
    if (overlap > most) {
      most = overlap;
      (candidate.difficult ? difficult : object) = &candidate;
    }
  }
  // Difficult objects are looked at only where no other one overlaps enough.
  if (best < rules.overlap_threshold && difficult != nullptr) {
    best = best_difficult;
    object = difficult;
  }
  if (best < rules.overlap_threshold || object == nullptr) return Found::wrong;
  if (object->difficult && rules.many_per_ignored) return Found::ignored;
  if (object->used) return Found::wrong;
  object->used = true;
  return object->difficult ? Found::ignored : Found::right;
}

}  // namespace

VocRules VocRules::read(Fields& fields) {
  VocRules rules;
  rules.overlap_threshold = fields.number("overlap_threshold", 0.5, {0, 1});
  rules.ioa = fields.choice("overlap_method", "iou", {"iou", "ioa"}) == "ioa";
  rules.boundary = fields.flag("include_boundaries", true) ? 1 : 0;
  rules.ignore_difficult = fields.flag("ignore_difficult", true);
  rules.distinct_conf = fields.flag("distinct_conf", false);
  rules.many_per_ignored = fields.flag("allow_multiple_matches_per_ignored", false) && rules.ignore_difficult;
  // Concerns predictions that a filter marked instead of removing; our filters remove.
  fields.flag("use_filtered_tp", false);
  return rules;
}

VocEvidence match_voc(const BoxTruth& truth, const BoxPrediction& prediction, const VocRules& rules) {
  VocEvidence evidence;
  std::map<std::int64_t, std::vector<Object>> objects;
  for (std::size_t i = 0; i < truth.boxes.size(); ++i) {
    const bool difficult = rules.ignore_difficult && i < truth.difficult.size() && truth.difficult[i] != 0;
    objects[truth.labels[i]].push_back({truth.boxes[i], difficult});
    auto& of_class = evidence.classes[truth.labels[i]];
    of_class.annotated = true;
    of_class.objects += difficult ? 0 : 1;
  }
  std::vector<std::size_t> order(prediction.boxes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return prediction.scores[a] > prediction.scores[b]; });
  for (const std::size_t i : order) {
    auto& of_class = evidence.classes[prediction.labels[i]];
    of_class.scores.push_back(prediction.scores[i]);
    of_class.found.push_back(take(prediction.boxes[i], objects[prediction.labels[i]], rules));
  }
  return evidence;
}

VocEvidence VocMetric::observe(const Truth& truth, const Prediction& prediction) const {
  return match_voc(truth_as<BoxTruth>(truth, "a metric of boxes"),
                   prediction_as<BoxPrediction>(prediction, "a metric of boxes"), rules_);
}

void VocMetric::end() {
  ranked_.assign(labels_.size(), {});
  for (std::size_t k = 0; k < labels_.size(); ++k) {
    for (std::size_t i = 0; i < samples().size(); ++i) {
      if (!samples()[i]) continue;
      const auto found = samples()[i]->classes.find(labels_[k]);
      if (found == samples()[i]->classes.end()) continue;
      for (std::size_t d = 0; d < found->second.scores.size(); ++d)
        ranked_[k].push_back(
            {found->second.scores[d], static_cast<std::uint32_t>(i), found->second.found[d]});
    }
    std::stable_sort(ranked_[k].begin(), ranked_[k].end(),
                     [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
  }
}

std::vector<double> VocMetric::combine(const Samples& samples, std::span<const std::uint32_t> weights) const {
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  std::vector<double> out;
  for (std::size_t k = 0; k < labels_.size(); ++k) {
    double objects = 0, pictures = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (!samples[i]) continue;
      pictures += weights[i];
      if (const auto found = samples[i]->classes.find(labels_[k]); found != samples[i]->classes.end())
        objects += static_cast<double>(found->second.objects) * weights[i];
    }
    PrecisionRecall curve;
    double right = 0, wrong = 0;
    std::size_t detections = 0;
    const auto& ranked = ranked_[k];
    for (std::size_t d = 0; d < ranked.size(); ++d) {
      const std::uint32_t weight = weights[ranked[d].sample];
      if (weight == 0) continue;
      detections += weight;
      right += ranked[d].found == Found::right ? weight : 0U;
      wrong += ranked[d].found == Found::wrong ? weight : 0U;
      if (rules_.distinct_conf && d + 1 < ranked.size() && ranked[d + 1].score == ranked[d].score) continue;
      curve.precision.push_back(right / std::max(right + wrong, epsilon));
      curve.recall.push_back(right / std::max(objects, epsilon));
      curve.wrong_per_picture.push_back(wrong / std::max(pictures, epsilon));
    }
    out.push_back(of_class(curve, detections, objects));
  }
  return out;
}

}  // namespace refcalib::engine
