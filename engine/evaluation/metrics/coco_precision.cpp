#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "engine/evaluation/metrics/box_overlap.h"
#include "engine/evaluation/metrics/metric.h"

namespace refcalib::engine {
namespace {

/// The detections of one class in one picture, best first.
struct CocoClass {
  std::vector<float> scores;
  std::vector<std::uint8_t> matched, ignored;  ///< [thresholds][detections]
  std::size_t objects = 0;                     ///< without crowds and difficult ones
};
using CocoEvidence = std::map<std::int64_t, CocoClass>;

struct CocoObject {
  Box box;
  bool ignored = false, crowd = false;
};

std::map<std::int64_t, std::vector<CocoObject>> objects_of(const BoxTruth& truth) {
  std::map<std::int64_t, std::vector<CocoObject>> objects;
  for (std::size_t i = 0; i < truth.boxes.size(); ++i) {
    const bool crowd = i < truth.crowd.size() && truth.crowd[i] != 0;
    const bool difficult = i < truth.difficult.size() && truth.difficult[i] != 0;
    objects[truth.labels[i]].push_back({truth.boxes[i], crowd || difficult, crowd});
  }
  for (auto& [label, list] : objects)  // those that count first
    std::stable_partition(list.begin(), list.end(), [](const CocoObject& object) { return !object.ignored; });
  return objects;
}

/// Which object a detection takes at a threshold; objects.size() if none. The rules of pycocotools
/// (COCOeval.evaluateImg): the best overlap of those still free wins, a later one only if it is better or as
/// good, and once a real object is found the ignored ones behind it are not looked at.
std::size_t choose(const Box& box, const std::vector<CocoObject>& objects,
                   const std::vector<std::uint8_t>& used, double threshold) {
  double least = std::min(threshold, 1 - 1e-10);
  std::size_t best = objects.size();
  for (std::size_t k = 0; k < objects.size(); ++k) {
    if (used[k] != 0 && !objects[k].crowd) continue;
    if (best < objects.size() && !objects[best].ignored && objects[k].ignored) break;
    const double overlap =
        objects[k].crowd ? box_ioa(box, objects[k].box, 0) : box_iou(box, objects[k].box, 0);
    if (overlap < least) continue;
    least = overlap;
    best = k;
  }
  return best;
}

struct CocoRules {
  std::vector<double> thresholds;
  std::size_t max_detections = 20;
  bool skip_absent = false;  ///< classes without objects are left out; else they count 0
};

std::vector<double> read_thresholds(Fields& fields) {
  const std::string text = fields.text("threshold", ".50:.05:.95");
  if (text == ".50:.05:.95" || text == "0.50:0.05:0.95" || text == "0.5:0.05:0.95") {
    std::vector<double> all;
    const double step = (0.95 - 0.5) / 9;  // as numpy.linspace rounds it
    for (int i = 0; i < 9; ++i) all.push_back(0.5 + step * i);
    all.push_back(0.95);
    return all;
  }
  std::vector<double> all = fields.numbers("threshold");
  const bool fits = std::all_of(all.begin(), all.end(), [](double t) { return t > 0 && t <= 1; });
  if (all.empty() || !fits)
    fields.fail("threshold", "'threshold' is '" + text + "'",
                "it may be '.50', '.75', '.50:.05:.95', or numbers above 0 up to 1");
  return all;
}

class CocoMetric : public EvidenceMetric<CocoEvidence> {
 public:
  CocoMetric(CocoRules rules, std::vector<std::int64_t> labels, bool recall)
      : rules_(std::move(rules)), labels_(std::move(labels)), recall_(recall) {}

  void end() override {
    ranked_.assign(labels_.size(), {});
    for (std::size_t c = 0; c < labels_.size(); ++c) {
      for (std::size_t i = 0; i < samples().size(); ++i)
        if (const CocoClass* const found = class_of(i, labels_[c]))
          for (std::size_t d = 0; d < found->scores.size(); ++d)
            ranked_[c].push_back(
                {found->scores[d], static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(d)});
      std::stable_sort(ranked_[c].begin(), ranked_[c].end(),
                       [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
    }
  }

 private:
  struct Ranked {
    float score;
    std::uint32_t sample, detection;
  };

  const CocoClass* class_of(std::size_t sample, std::int64_t label) const {
    if (!samples()[sample]) return nullptr;
    const auto found = samples()[sample]->find(label);
    return found == samples()[sample]->end() ? nullptr : &found->second;
  }

  CocoEvidence observe(const Truth& truth, const Prediction& prediction) const override {
    const auto objects = objects_of(truth_as<BoxTruth>(truth, "a COCO metric"));
    const auto& boxes = prediction_as<BoxPrediction>(prediction, "a COCO metric");
    CocoEvidence evidence;
    std::map<std::int64_t, std::vector<std::size_t>> detections;
    for (std::size_t i = 0; i < boxes.boxes.size(); ++i) detections[boxes.labels[i]].push_back(i);
    for (const auto& [label, list] : objects) {
      evidence[label].objects = static_cast<std::size_t>(
          std::count_if(list.begin(), list.end(), [](const CocoObject& o) { return !o.ignored; }));
      detections[label];
    }
    for (auto& [label, list] : detections) {
      std::stable_sort(list.begin(), list.end(),
                       [&](std::size_t a, std::size_t b) { return boxes.scores[a] > boxes.scores[b]; });
      if (list.size() > rules_.max_detections) list.resize(rules_.max_detections);
      const auto found = objects.find(label);
      match(boxes, list, found == objects.end() ? std::vector<CocoObject>{} : found->second, evidence[label]);
    }
    return evidence;
  }

  void match(const BoxPrediction& boxes, const std::vector<std::size_t>& list,
             const std::vector<CocoObject>& objects, CocoClass& into) const {
    for (const std::size_t i : list) into.scores.push_back(boxes.scores[i]);
    for (const double threshold : rules_.thresholds) {
      std::vector<std::uint8_t> used(objects.size(), 0);
      for (const std::size_t i : list) {
        const std::size_t k = choose(boxes.boxes[i], objects, used, threshold);
        const bool matched = k < objects.size();
        if (matched) used[k] = 1;
        into.matched.push_back(matched ? 1 : 0);
        into.ignored.push_back(matched && objects[k].ignored ? 1 : 0);
      }
    }
  }

  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override {
    std::vector<double> out;
    for (std::size_t c = 0; c < labels_.size(); ++c) {
      double objects = 0;
      for (std::size_t i = 0; i < samples.size(); ++i)
        if (const CocoClass* const found = class_of(i, labels_[c]))
          objects += static_cast<double>(found->objects) * weights[i];
      if (objects == 0) {
        out.push_back(rules_.skip_absent ? std::numeric_limits<double>::quiet_NaN() : 0.0);
        continue;
      }
      double sum = 0;
      for (std::size_t t = 0; t < rules_.thresholds.size(); ++t) sum += at_threshold(c, t, objects, weights);
      out.push_back(sum / static_cast<double>(rules_.thresholds.size()));
    }
    return out;
  }

  /// Mean precision at 101 recalls, or the last recall.
  double at_threshold(std::size_t c, std::size_t t, double objects,
                      std::span<const std::uint32_t> weights) const {
    std::vector<double> recall, precision;
    double right = 0, wrong = 0;
    for (const Ranked& one : ranked_[c]) {
      const std::uint32_t weight = weights[one.sample];
      if (weight == 0) continue;
      const CocoClass& found = *class_of(one.sample, labels_[c]);
      const std::size_t at = t * found.scores.size() + one.detection;
      if (found.ignored[at] == 0) (found.matched[at] != 0 ? right : wrong) += weight;
      recall.push_back(right / objects);
      precision.push_back(right / (right + wrong + std::numeric_limits<double>::epsilon()));
    }
    if (recall_) return recall.empty() ? 0.0 : recall.back();
    for (std::size_t k = precision.size(); k-- > 1;)
      precision[k - 1] = std::max(precision[k - 1], precision[k]);
    double sum = 0;
    for (int i = 0; i <= 100; ++i) {
      const auto at = std::lower_bound(recall.begin(), recall.end(), i * 0.01);
      if (at != recall.end()) sum += precision[static_cast<std::size_t>(at - recall.begin())];
    }
    return sum / 101;
  }

  CocoRules rules_;
  std::vector<std::int64_t> labels_;
  bool recall_;
  std::vector<std::vector<Ranked>> ranked_;
};

template <bool kRecall, bool kOriginal>
std::unique_ptr<Metric> make(Fields& fields, const DatasetMeta& meta) {
  CocoRules rules;
  rules.max_detections =
      static_cast<std::size_t>(fields.integer("max_detections", kOriginal ? 100 : 20, 1, 1000000));
  rules.thresholds = read_thresholds(fields);
  rules.skip_absent = kOriginal;
  const auto labels = meta.foreground(fields.text("label_map", "label_map"), fields.what());
  auto metric = std::make_unique<CocoMetric>(rules, labels, kRecall);
  metric->info().names = label_names(meta, labels);
  return metric;
}

}  // namespace

extern const MetricRecord coco_precision_metric{
    .name = "coco_precision",
    .summary = "average precision by the rules of COCO; a class without objects counts as 0",
    .make = make<false, false>};
extern const MetricRecord coco_recall_metric{
    .name = "coco_recall",
    .summary = "average recall by the rules of COCO; a class without objects counts as 0",
    .make = make<true, false>};
extern const MetricRecord coco_orig_precision_metric{
    .name = "coco_orig_precision",
    .summary = "average precision as pycocotools computes it: classes without objects are left out",
    .make = make<false, true>};
extern const MetricRecord coco_orig_recall_metric{
    .name = "coco_orig_recall",
    .summary = "average recall as pycocotools computes it: classes without objects are left out",
    .make = make<true, true>};

}  // namespace refcalib::engine
