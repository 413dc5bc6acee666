#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "engine/evaluation/metrics/metric.h"

namespace refcalib::engine {

/// What became of a detection.
enum class Found : std::uint8_t { right, wrong, ignored };

/// The detections of one class in one picture, best first, and how many objects there were to find.
struct VocEvidence {
  struct PerClass {
    std::vector<float> scores;
    std::vector<Found> found;
    std::size_t objects = 0;  ///< without difficult ones
    bool annotated = false;   ///< there is any object, difficult or not
  };
  std::map<std::int64_t, PerClass> classes;
};

/// How detections are matched with objects; the fields of the Accuracy Checker's detection metrics.
struct VocRules {
  double overlap_threshold = 0.5;
  bool ignore_difficult = true;
  double boundary = 1;  ///< include_boundaries
  bool ioa = false;     ///< overlap_method
  bool many_per_ignored = false;
  bool distinct_conf = false;

  static VocRules read(Fields& fields);
};

/// Matches as Pascal VOC does: each detection, best first, takes the object that it overlaps most.
VocEvidence match_voc(const BoxTruth& truth, const BoxPrediction& prediction, const VocRules& rules);

/// Precision, recall and wrong detections for each picture, behind each detection of a class, best first, over the weighted samples.
struct PrecisionRecall {
  std::vector<double> precision, recall, wrong_per_picture;
};

/// A metric of boxes that gives one value for each class.
class VocMetric : public EvidenceMetric<VocEvidence> {
 public:
  VocMetric(const VocRules& rules, std::vector<std::int64_t> labels)
      : rules_(rules), labels_(std::move(labels)) {}
  void end() override;

 protected:
  VocEvidence observe(const Truth& truth, const Prediction& prediction) const override;
  std::vector<double> combine(const Samples& samples, std::span<const std::uint32_t> weights) const override;
  /// The value of a class from its curve. `detections`: how many there were, ignored ones too.
  virtual double of_class(const PrecisionRecall& curve, std::size_t detections, double objects) const = 0;

 private:
  struct Ranked {
    float score;
    std::uint32_t sample;
    Found found;
  };
  VocRules rules_;
  std::vector<std::int64_t> labels_;
  std::vector<std::vector<Ranked>> ranked_;  ///< of each label, best first
};

}  // namespace refcalib::engine
