#include "engine/evaluation/adapters/adapter.h"

namespace refcalib::engine {
namespace {

/// Two outputs: boxes [N, 4] as shares of the picture, scores [N, classes], class 0 the background. Every
/// class of a box with at least `score_threshold` becomes a detection.
class FaceBoxes : public Adapter {
 public:
  FaceBoxes(std::string boxes, std::string scores, double threshold)
      : boxes_(std::move(boxes)), scores_(std::move(scores)), threshold_(threshold) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry&) const override {
    const auto boxes = run.row(run.output(boxes_, "adapter 'ultra_lightweight_face_detection'"), row);
    const auto scores = run.row(run.output(scores_, "adapter 'ultra_lightweight_face_detection'"), row);
    const std::size_t count = boxes.size() / 4;
    if (boxes.size() % 4 != 0 || count == 0 || scores.size() % count != 0 || scores.size() / count < 2)
      throw UsageError("adapter 'ultra_lightweight_face_detection': boxes_out has " +
                       std::to_string(boxes.size()) + " numbers for each sample, scores_out " +
                       std::to_string(scores.size()) + "; [N,4] and [N,classes] are expected");
    const std::size_t classes = scores.size() / count;
    BoxPrediction prediction;
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t c = 1; c < classes; ++c) {
        const float score = scores[i * classes + c];
        if (!(static_cast<double>(score) >= threshold_)) continue;
        prediction.boxes.push_back({boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]});
        prediction.labels.push_back(static_cast<std::int64_t>(c));
        prediction.scores.push_back(score);
      }
    return prediction;
  }

 private:
  std::string boxes_, scores_;
  double threshold_;
};

std::unique_ptr<Adapter> make(Fields& fields) {
  std::string boxes = fields.text("boxes_out");
  std::string scores = fields.text("scores_out");
  return std::make_unique<FaceBoxes>(std::move(boxes), std::move(scores),
                                     fields.number("score_threshold", 0.7, {0, 1}));
}

}  // namespace

extern const AdapterRecord face_boxes_adapter{.name = "ultra_lightweight_face_detection",
                                              .summary = "boxes [N,4] and scores [N,classes] as two outputs",
                                              .make = make};

}  // namespace refcalib::engine
