#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/core/error.h"
#include "engine/evaluation/annotation/run_lengths.h"

namespace refcalib::engine {

/// An upright box; in pixels, or as shares of the picture where a step says so.
struct Box {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};

/// One number per place of a picture or volume, the last axis fastest.
template <class T>
struct Plane {
  int channels = 1, depth = 1, height = 0, width = 0;
  std::vector<T> values;  ///< [channels][depth][height][width]

  std::size_t area() const noexcept {
    return static_cast<std::size_t>(depth) * static_cast<std::size_t>(height) *
           static_cast<std::size_t>(width);
  }
};

// --- what is known to be true of a sample -----------------------------------------------------------------

struct ClassTruth {
  std::int64_t label = 0;
};
struct BoxTruth {
  std::vector<Box> boxes;  ///< pixels of the original picture
  std::vector<std::int64_t> labels;
  std::vector<std::uint8_t> difficult;  ///< per box; counts neither as found nor as missed
  std::vector<std::uint8_t> crowd;      ///< per box; a group that may be found any number of times
};
struct MaskTruth {
  /// A region and the label of its places.
  struct Object {
    std::int64_t label = 0;
    RunLengths region;
  };
  std::string file;              ///< of the mask, relative to the masks' folder; empty: one of those below
  Plane<std::int32_t> labels{};  ///< one channel
  std::vector<Object>
      objects{};  ///< regions of a picture of `height` x `width`; where they overlap the highest label stands
  int height = 0, width = 0;  ///< 0: `labels` is complete
};
struct ValuesTruth {
  std::vector<double> values;
};
struct PictureTruth {
  std::string file;      ///< of the reference picture, relative to the data
  Plane<float> picture;  ///< RGB, 0..255
};
/// Whether a user took an item: recommendation.
struct ItemTruth {
  std::int64_t user = 0, item = 0;
  bool positive = false;
};
using Truth = std::variant<ClassTruth, BoxTruth, MaskTruth, ValuesTruth, PictureTruth, ItemTruth>;

// --- what a network says about a sample -------------------------------------------------------------------

struct ClassPrediction {
  std::vector<float> scores;
};
struct BoxPrediction {
  std::vector<Box> boxes;
  std::vector<std::int64_t> labels;
  std::vector<float> scores;
};
struct MaskPrediction {
  Plane<float> scores;  ///< one channel: the label itself, if `is_labels`
  bool is_labels = false;
};
struct ValuesPrediction {
  std::vector<double> values;
};
struct PicturePrediction {
  Plane<float> picture;  ///< RGB, 0..255
};
struct ItemPrediction {
  double score = 0;
};
using Prediction = std::variant<ClassPrediction, BoxPrediction, MaskPrediction, ValuesPrediction,
                                PicturePrediction, ItemPrediction>;

/// How a kind of truth or prediction is called in messages.
std::string_view name_of(const Truth& truth) noexcept;
std::string_view name_of(const Prediction& prediction) noexcept;

/// The truth as the kind that `who` needs. Throws UsageError that names both.
template <class T>
const T& truth_as(const Truth& truth, std::string_view who) {
  if (const T* const found = std::get_if<T>(&truth)) return *found;
  throw UsageError(std::string(who) + " needs annotations of " + std::string(name_of(Truth(T{}))) +
                   "; those of this dataset are " + std::string(name_of(truth)));
}
/// The prediction as the kind that `who` needs. Throws UsageError that names both.
template <class T>
const T& prediction_as(const Prediction& prediction, std::string_view who) {
  if (const T* const found = std::get_if<T>(&prediction)) return *found;
  throw UsageError(std::string(who) + " needs predictions of " + std::string(name_of(Prediction(T{}))) +
                   "; the adapter gives " + std::string(name_of(prediction)));
}

/// What is known of a dataset as a whole.
struct DatasetMeta {
  using LabelMap = std::map<std::int64_t, std::string>;
  std::map<std::string, LabelMap> label_maps;  ///< "label_map" is the usual one
  std::optional<std::int64_t> background;      ///< the label of "nothing"
  std::vector<std::vector<std::int64_t>>
      segmentation_colors;  ///< RGB of each label, in masks made of colours

  const LabelMap& labels() const;
  /// The labels of a map without the background. Throws UsageError if `who` needs it and there is none.
  std::vector<std::int64_t> foreground(std::string_view map, std::string_view who) const;
  /// The name of a label, or its number.
  std::string label_name(std::int64_t label) const;
};

/// One labelled sample of a dataset.
struct Annotation {
  /// What a reader takes for it: a file relative to the data, or one text for each of several inputs.
  std::vector<std::string> ids;
  Truth truth;

  /// The ids in one text, for messages.
  std::string name() const;
};

/// What happened to the picture on its way into the network: what it takes to undo it.
struct SampleGeometry {
  int width = 0, height = 0;                  ///< original picture
  int input_width = 0, input_height = 0;      ///< as fed
  int pad_left = 0, pad_top = 0;              ///< of what was fed, in its pixels
  int content_width = 0, content_height = 0;  ///< the part of what was fed that shows the picture
  int crop_left = 0, crop_top = 0;            ///< cut away, in pixels of the resized picture
  double scale_x = 1, scale_y = 1;            ///< resized / original
};

}  // namespace refcalib::engine
