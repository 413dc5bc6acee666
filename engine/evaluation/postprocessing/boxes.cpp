#include <algorithm>
#include <cmath>

#include "engine/evaluation/postprocessing/postprocessor.h"
#include "engine/evaluation/size_field.h"

namespace refcalib::engine {
namespace {

BoxPrediction& boxes_of(Prediction& prediction, std::string_view who) {
  prediction_as<BoxPrediction>(prediction, who);
  return std::get<BoxPrediction>(prediction);
}

/// Applies `change` to the boxes that `to` names.
template <class F>
void change_boxes(Truth& truth, Prediction& prediction, const ApplyTo& to, std::string_view who,
                  const F& change) {
  if (to.truth) {
    truth_as<BoxTruth>(truth, who);
    for (Box& box : std::get<BoxTruth>(truth).boxes) change(box);
  }
  if (to.prediction)
    for (Box& box : boxes_of(prediction, who).boxes) change(box);
}

/// Shares of the picture become pixels of the original one.
class ResizeBoxes : public Postprocessor {
  void run(Truth&, Prediction& prediction, const SampleGeometry& geometry) const override {
    for (Box& box : boxes_of(prediction, "postprocessing 'resize_prediction_boxes'").boxes)
      box = {box.x1 * geometry.width, box.y1 * geometry.height, box.x2 * geometry.width,
             box.y2 * geometry.height};
  }
};

/// Shares of what was fed become pixels of the original picture: padding and resizing are undone.
class UndoResize : public Postprocessor {
  void run(Truth&, Prediction& prediction, const SampleGeometry& g) const override {
    const auto x = [&](double share) { return (share * g.input_width - g.pad_left) / g.scale_x; };
    const auto y = [&](double share) { return (share * g.input_height - g.pad_top) / g.scale_y; };
    for (Box& box : boxes_of(prediction, "postprocessing 'faster_rcnn_postprocessing_resize'").boxes)
      box = {x(box.x1), y(box.y1), x(box.x2), y(box.y2)};
  }
};

/// Pixels become shares of the original picture.
class NormalizeBoxes : public Postprocessor {
 public:
  explicit NormalizeBoxes(ApplyTo to) : to_(to) {}

 private:
  void run(Truth& truth, Prediction& prediction, const SampleGeometry& geometry) const override {
    change_boxes(truth, prediction, to_, "postprocessing 'normalize_boxes'", [&](Box& box) {
      box = {box.x1 / geometry.width, box.y1 / geometry.height, box.x2 / geometry.width,
             box.y2 / geometry.height};
    });
  }
  ApplyTo to_;
};

/// Keeps boxes within the picture, or within a size.
class ClipBoxes : public Postprocessor {
 public:
  ClipBoxes(ApplyTo to, std::optional<PixelSize> size, bool shares) : to_(to), size_(size), shares_(shares) {}

 private:
  void run(Truth& truth, Prediction& prediction, const SampleGeometry& geometry) const override {
    const double width = shares_ ? 1 : size_ ? size_->width : geometry.width;
    const double height = shares_ ? 1 : size_ ? size_->height : geometry.height;
    change_boxes(truth, prediction, to_, "postprocessing 'clip_boxes'", [&](Box& box) {
      box = {std::clamp(box.x1, 0.0, width), std::clamp(box.y1, 0.0, height), std::clamp(box.x2, 0.0, width),
             std::clamp(box.y2, 0.0, height)};
    });
  }
  ApplyTo to_;
  std::optional<PixelSize> size_;
  bool shares_;
};

/// Rounds the corners.
class CastToInt : public Postprocessor {
 public:
  CastToInt(ApplyTo to, double (*round)(double)) : to_(to), round_(round) {}

 private:
  void run(Truth& truth, Prediction& prediction, const SampleGeometry&) const override {
    change_boxes(truth, prediction, to_, "postprocessing 'cast_to_int'", [&](Box& box) {
      box = {round_(box.x1), round_(box.y1), round_(box.x2), round_(box.y2)};
    });
  }
  ApplyTo to_;
  double (*round_)(double);
};

/// Boxes as shares of a picture that was put into the middle of a larger one, keeping its proportions, become
/// shares of the picture itself.
class CorrectYoloBoxes : public Postprocessor {
 public:
  explicit CorrectYoloBoxes(std::optional<PixelSize> size) : size_(size) {}

 private:
  void run(Truth&, Prediction& prediction, const SampleGeometry& geometry) const override {
    const double width = size_ ? size_->width : geometry.input_width;
    const double height = size_ ? size_->height : geometry.input_height;
    const double scale = std::min(width / geometry.width, height / geometry.height);
    const double shown_x = std::floor(geometry.width * scale) / width;
    const double shown_y = std::floor(geometry.height * scale) / height;
    for (Box& box : boxes_of(prediction, "postprocessing 'correct_yolo_v2_boxes'").boxes)
      box = {(box.x1 - (1 - shown_x) / 2) / shown_x, (box.y1 - (1 - shown_y) / 2) / shown_y,
             (box.x2 - (1 - shown_x) / 2) / shown_x, (box.y2 - (1 - shown_y) / 2) / shown_y};
  }
  std::optional<PixelSize> size_;
};

std::unique_ptr<Postprocessor> make_resize(Fields& fields, const DatasetMeta&) {
  fields.choice("rescale", "True", {"True"});
  return std::make_unique<ResizeBoxes>();
}

std::unique_ptr<Postprocessor> make_undo(Fields& fields, const DatasetMeta&) {
  for (const char* key : {"size", "dst_width", "dst_height"})
    fields.ignore(key);  // of no effect in the original
  return std::make_unique<UndoResize>();
}

std::unique_ptr<Postprocessor> make_normalize(Fields& fields, const DatasetMeta&) {
  return std::make_unique<NormalizeBoxes>(ApplyTo::read(fields, "all"));
}

std::unique_ptr<Postprocessor> make_clip(Fields& fields, const DatasetMeta&) {
  const ApplyTo to = ApplyTo::read(fields, "all");
  const auto size = read_size(fields);
  return std::make_unique<ClipBoxes>(to, size, fields.flag("bboxes_normalized", false));
}

std::unique_ptr<Postprocessor> make_cast(Fields& fields, const DatasetMeta&) {
  const ApplyTo to = ApplyTo::read(fields, "all");
  const std::string policy =
      fields.choice("round_policy", "nearest", {"nearest", "nearest_to_zero", "lower", "greater"});
  double (*const round)(double) = policy == "lower"     ? +[](double x) { return std::floor(x); }
                                  : policy == "greater" ? +[](double x) { return std::ceil(x); }
                                  : policy == "nearest" ? +[](double x) { return std::nearbyint(x); }
                                                        : +[](double x) { return std::trunc(x); };
  return std::make_unique<CastToInt>(to, round);
}

std::unique_ptr<Postprocessor> make_correct(Fields& fields, const DatasetMeta&) {
  return std::make_unique<CorrectYoloBoxes>(read_size(fields));
}

}  // namespace

extern const PostprocessorRecord resize_prediction_boxes_postprocessor{
    .name = "resize_prediction_boxes", .summary = "shares of the picture become pixels", .make = make_resize};
extern const PostprocessorRecord faster_rcnn_resize_postprocessor{
    .name = "faster_rcnn_postprocessing_resize",
    .summary = "shares of what was fed become pixels of the picture, without padding",
    .make = make_undo};
extern const PostprocessorRecord normalize_boxes_postprocessor{
    .name = "normalize_boxes", .summary = "pixels become shares of the picture", .make = make_normalize};
extern const PostprocessorRecord clip_boxes_postprocessor{
    .name = "clip_boxes", .summary = "boxes end at the border of the picture", .make = make_clip};
extern const PostprocessorRecord cast_to_int_postprocessor{
    .name = "cast_to_int", .summary = "corners are rounded", .make = make_cast};
extern const PostprocessorRecord correct_yolo_v2_boxes_postprocessor{
    .name = "correct_yolo_v2_boxes",
    .summary = "takes out the bars beside a fitted picture",
    .make = make_correct};

}  // namespace refcalib::engine
