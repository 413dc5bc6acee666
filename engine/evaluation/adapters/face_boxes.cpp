#include <algorithm>
#include <cmath>

#include "engine/evaluation/adapters/adapter.h"

namespace refcalib::engine {
namespace {

/// A prior box by its middle and size, as shares of the picture.
struct Prior {
  double x, y, width, height;
};

/// The priors of grids of 8, 16, 32 and 64 pixels a cell: for each grid, row, column and size one (Linzaer:
/// Ultra-Light-Fast-Generic-Face-Detector-1MB, vision/utils/box_utils.py).
std::vector<Prior> priors_of(const std::vector<std::vector<double>>& sizes, double width, double height) {
  std::vector<Prior> priors;
  const auto share = [](double x) { return std::clamp(x, 0.0, 1.0); };
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    const double step = 8 * std::exp2(static_cast<double>(k));
    for (int row = 0; row < std::ceil(height / step); ++row)
      for (int column = 0; column < std::ceil(width / step); ++column)
        for (const double size : sizes[k])
          priors.push_back({share((column + 0.5) * step / width), share((row + 0.5) * step / height),
                            share(size / width), share(size / height)});
  }
  return priors;
}

/// Two outputs: boxes [N, 4] as shares of the picture, scores [N, classes], class 0 the background. Every
/// class of a box with at least `score_threshold` becomes a detection. With `min_boxes` the boxes are shifts of
/// priors, with the variances 0.1 and 0.2 of SSD.
class FaceBoxes : public Adapter {
 public:
  FaceBoxes(std::string boxes, std::string scores, double threshold,
            std::vector<std::vector<double>> min_boxes)
      : boxes_(std::move(boxes)),
        scores_(std::move(scores)),
        threshold_(threshold),
        min_boxes_(std::move(min_boxes)) {}

  Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry& geometry) const override {
    const auto boxes = run.row(run.output(boxes_, "adapter 'ultra_lightweight_face_detection'"), row);
    const auto scores = run.row(run.output(scores_, "adapter 'ultra_lightweight_face_detection'"), row);
    const std::size_t count = boxes.size() / 4;
    if (boxes.size() % 4 != 0 || count == 0 || scores.size() % count != 0 || scores.size() / count < 2)
      throw UsageError("adapter 'ultra_lightweight_face_detection': boxes_out has " +
                       std::to_string(boxes.size()) + " numbers for each sample, scores_out " +
                       std::to_string(scores.size()) + "; [N,4] and [N,classes] are expected");
    const std::size_t classes = scores.size() / count;
    const std::vector<Prior> priors = priors_of(min_boxes_, geometry.input_width, geometry.input_height);
    if (!min_boxes_.empty() && priors.size() != count)
      throw UsageError("adapter 'ultra_lightweight_face_detection': 'min_boxes' makes " +
                       std::to_string(priors.size()) + " priors, the network has " + std::to_string(count) +
                       " boxes");
    BoxPrediction prediction;
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t c = 1; c < classes; ++c) {
        const float score = scores[i * classes + c];
        if (!(static_cast<double>(score) >= threshold_)) continue;
        const std::span<const float, 4> box(boxes.data() + 4 * i, 4);
        prediction.boxes.push_back(priors.empty() ? Box{box[0], box[1], box[2], box[3]}
                                                  : shifted(priors[i], box));
        prediction.labels.push_back(static_cast<std::int64_t>(c));
        prediction.scores.push_back(score);
      }
    return prediction;
  }

 private:
  static Box shifted(const Prior& prior, std::span<const float, 4> by) {
    const double x = prior.x + static_cast<double>(by[0]) * 0.1 * prior.width;
    const double y = prior.y + static_cast<double>(by[1]) * 0.1 * prior.height;
    const double width = prior.width * std::exp(static_cast<double>(by[2]) * 0.2);
    const double height = prior.height * std::exp(static_cast<double>(by[3]) * 0.2);
    return {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
  }

  std::string boxes_, scores_;
  double threshold_;
  std::vector<std::vector<double>> min_boxes_;
};

std::unique_ptr<Adapter> make(Fields& fields) {
  std::string boxes = fields.text("boxes_out");
  std::string scores = fields.text("scores_out");
  std::vector<std::vector<double>> min_boxes;
  if (const ConfigNode* const node = fields.raw("min_boxes"))
    for (const ConfigNode& grid : node->list) {
      min_boxes.emplace_back();
      for (const ConfigNode& size : grid.list) {
        const auto value = parse_number(size.text);
        if (!value || *value <= 0)
          fields.fail("min_boxes", "'min_boxes' must be a list of lists of sizes in pixels");
        min_boxes.back().push_back(*value);
      }
    }
  return std::make_unique<FaceBoxes>(std::move(boxes), std::move(scores),
                                     fields.number("score_threshold", 0.7, {0, 1}), std::move(min_boxes));
}

}  // namespace

extern const AdapterRecord face_boxes_adapter{.name = "ultra_lightweight_face_detection",
                                              .summary = "boxes [N,4] and scores [N,classes] as two outputs",
                                              .make = make};

}  // namespace refcalib::engine
