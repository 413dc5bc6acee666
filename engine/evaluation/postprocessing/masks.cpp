#include <algorithm>
#include <cmath>
#include <map>

#include "engine/evaluation/postprocessing/postprocessor.h"
#include "engine/evaluation/size_field.h"

namespace refcalib::engine {
namespace {

Plane<std::int32_t>& mask_of(Truth& truth, std::string_view who) {
  truth_as<MaskTruth>(truth, who);
  return std::get<MaskTruth>(truth).labels;
}

MaskPrediction& scores_of(Prediction& prediction, std::string_view who) {
  prediction_as<MaskPrediction>(prediction, who);
  return std::get<MaskPrediction>(prediction);
}

/// The element under the middle of each place of the smaller or larger mask.
template <class T>
Plane<T> nearest(const Plane<T>& from, int width, int height) {
  Plane<T> out{from.channels, from.depth, height, width, {}};
  out.values.reserve(static_cast<std::size_t>(from.channels) * out.area());
  const double step_x = static_cast<double>(from.width) / width,
               step_y = static_cast<double>(from.height) / height;
  const int planes = from.channels * from.depth;
  for (int p = 0; p < planes; ++p)
    for (int y = 0; y < height; ++y) {
      const int sy = std::min(from.height - 1, static_cast<int>((y + 0.5) * step_y));
      const auto row = from.values.begin() + (static_cast<std::ptrdiff_t>(p) * from.height + sy) * from.width;
      for (int x = 0; x < width; ++x)
        out.values.push_back(row[std::min(from.width - 1, static_cast<int>((x + 0.5) * step_x))]);
    }
  return out;
}

/// Bilinear with half-pixel centres.
Plane<float> linear(const Plane<float>& from, int width, int height) {
  Plane<float> out{from.channels, from.depth, height, width, {}};
  out.values.reserve(static_cast<std::size_t>(from.channels) * out.area());
  struct Tap {
    int first, second;
    float share;
  };
  const auto taps = [](int size, int to) {
    std::vector<Tap> all;
    for (int i = 0; i < to; ++i) {
      const double at = std::clamp((i + 0.5) * size / to - 0.5, 0.0, static_cast<double>(size - 1));
      const int first = static_cast<int>(at);
      all.push_back({first, std::min(first + 1, size - 1), static_cast<float>(at - first)});
    }
    return all;
  };
  const auto columns = taps(from.width, width), rows = taps(from.height, height);
  const int planes = from.channels * from.depth;
  for (int p = 0; p < planes; ++p) {
    const auto plane = from.values.begin() + static_cast<std::ptrdiff_t>(p) * from.height * from.width;
    for (const Tap& y : rows) {
      const auto upper = plane + static_cast<std::ptrdiff_t>(y.first) * from.width;
      const auto lower = plane + static_cast<std::ptrdiff_t>(y.second) * from.width;
      for (const Tap& x : columns) {
        const float above = upper[x.first] + (upper[x.second] - upper[x.first]) * x.share;
        const float below = lower[x.first] + (lower[x.second] - lower[x.first]) * x.share;
        out.values.push_back(above + (below - above) * y.share);
      }
    }
  }
  return out;
}

template <class T>
Plane<T> cut(const Plane<T>& from, int front, int top, int left, int depth, int height, int width) {
  Plane<T> out{from.channels, depth, height, width, {}};
  out.values.reserve(static_cast<std::size_t>(from.channels) * out.area());
  for (int c = 0; c < from.channels; ++c)
    for (int z = front; z < front + depth; ++z)
      for (int y = top; y < top + height; ++y) {
        const auto row = from.values.begin() +
                         ((static_cast<std::ptrdiff_t>(c) * from.depth + z) * from.height + y) * from.width;
        out.values.insert(out.values.end(), row + left, row + left + width);
      }
  return out;
}

/// Masks get a size: the one given, else predictions that of the annotation and annotations that of the
/// original picture.
class ResizeMask : public Postprocessor {
 public:
  ResizeMask(ApplyTo to, std::optional<PixelSize> size, bool smooth)
      : to_(to), size_(size), smooth_(smooth) {}

 private:
  void run(Truth& truth, Prediction& prediction, const SampleGeometry& geometry) const override {
    constexpr std::string_view who = "postprocessing 'resize_segmentation_mask'";
    if (to_.truth) {
      auto& mask = mask_of(truth, who);
      mask = nearest(mask, size_ ? size_->width : geometry.width, size_ ? size_->height : geometry.height);
    }
    if (!to_.prediction) return;
    const auto& mask = mask_of(truth, who);
    MaskPrediction& seen = scores_of(prediction, who);
    const int width = size_ ? size_->width : mask.width, height = size_ ? size_->height : mask.height;
    if (width == seen.scores.width && height == seen.scores.height) return;
    seen.scores =
        smooth_ && !seen.is_labels ? linear(seen.scores, width, height) : nearest(seen.scores, width, height);
  }

  ApplyTo to_;
  std::optional<PixelSize> size_;
  bool smooth_;
};

/// Cuts the part of a predicted mask that shows the picture: what padding had added goes.
class CropPadding : public Postprocessor {
  void run(Truth&, Prediction& prediction, const SampleGeometry& geometry) const override {
    auto& scores = scores_of(prediction, "postprocessing 'crop_padding'").scores;
    const auto part = [](int from, int size, int of, int to) {  // from and size, of `of`, in units of `to`
      const int first = static_cast<int>(std::lround(static_cast<double>(from) * to / of));
      const int last = static_cast<int>(std::lround(static_cast<double>(from + size) * to / of));
      return std::pair{std::clamp(first, 0, to - 1),
                       std::max(1, std::min(last, to) - std::clamp(first, 0, to - 1))};
    };
    const auto [left, width] =
        part(geometry.pad_left, geometry.content_width, geometry.input_width, scores.width);
    const auto [top, height] =
        part(geometry.pad_top, geometry.content_height, geometry.input_height, scores.height);
    scores = cut(scores, 0, top, left, scores.depth, height, width);
  }
};

/// Cuts the middle of a mask, of each axis: start = max(axis / 2 - size / 2, 0).
class CropMask : public Postprocessor {
 public:
  CropMask(ApplyTo to, int depth, int height, int width)
      : to_(to), depth_(depth), height_(height), width_(width) {}

 private:
  template <class T>
  Plane<T> middle(const Plane<T>& from) const {
    const auto start = [](int axis, int size) { return std::max(axis / 2 - size / 2, 0); };
    const int depth = from.depth > 1 ? std::min(depth_, from.depth) : 1;
    const int height = std::min(height_, from.height), width = std::min(width_, from.width);
    return cut(from, from.depth > 1 ? start(from.depth, depth) : 0, start(from.height, height),
               start(from.width, width), depth, height, width);
  }

  void run(Truth& truth, Prediction& prediction, const SampleGeometry&) const override {
    constexpr std::string_view who = "postprocessing 'crop_segmentation_mask'";
    if (to_.truth) mask_of(truth, who) = middle(mask_of(truth, who));
    if (to_.prediction) scores_of(prediction, who).scores = middle(scores_of(prediction, who).scores);
  }

  ApplyTo to_;
  int depth_, height_, width_;
};

/// Limits the values of a mask.
class ClipMask : public Postprocessor {
 public:
  ClipMask(ApplyTo to, double low, double high) : to_(to), low_(low), high_(high) {}

 private:
  void run(Truth& truth, Prediction& prediction, const SampleGeometry&) const override {
    constexpr std::string_view who = "postprocessing 'clip_segmentation_mask'";
    if (to_.truth)
      for (auto& x : mask_of(truth, who).values)
        x = std::clamp(x, static_cast<std::int32_t>(low_), static_cast<std::int32_t>(high_));
    if (to_.prediction)
      for (auto& x : scores_of(prediction, who).scores.values)
        x = std::clamp(x, static_cast<float>(low_), static_cast<float>(high_));
  }

  ApplyTo to_;
  double low_, high_;
};

/// Brings the annotation's mask to the prediction's size by a border of `filling_label`.
class ExtendMask : public Postprocessor {
 public:
  ExtendMask(ApplyTo to, std::int32_t label) : to_(to), label_(label) {}

 private:
  template <class T>
  static Plane<T> extended(const Plane<T>& from, int width, int height, T filling) {
    if (from.width > width || from.height > height)
      throw UsageError(
          "postprocessing 'extend_segmentation_mask': the mask is larger than what it is extended to");
    Plane<T> out{from.channels, from.depth, height, width, {}};
    out.values.assign(static_cast<std::size_t>(from.channels) * out.area(), filling);
    const int top = (height - from.height) / 2, left = (width - from.width) / 2;
    for (int p = 0; p < from.channels * from.depth; ++p)
      for (int y = 0; y < from.height; ++y)
        std::copy_n(from.values.begin() + (static_cast<std::ptrdiff_t>(p) * from.height + y) * from.width,
                    from.width,
                    out.values.begin() + (static_cast<std::ptrdiff_t>(p) * height + y + top) * width + left);
    return out;
  }

  void run(Truth& truth, Prediction& prediction, const SampleGeometry&) const override {
    constexpr std::string_view who = "postprocessing 'extend_segmentation_mask'";
    auto& mask = mask_of(truth, who);
    auto& scores = scores_of(prediction, who).scores;
    if (to_.truth) mask = extended(mask, scores.width, scores.height, label_);
    if (to_.prediction) scores = extended(scores, mask.width, mask.height, static_cast<float>(label_));
  }

  ApplyTo to_;
  std::int32_t label_;
};

/// Gives labels of masks or boxes other numbers.
class RemapLabels : public Postprocessor {
 public:
  RemapLabels(ApplyTo to, std::map<std::int64_t, std::int64_t> map, std::optional<std::int64_t> others)
      : to_(to), map_(std::move(map)), others_(others) {}

 private:
  std::int64_t changed(std::int64_t label) const {
    const auto found = map_.find(label);
    return found != map_.end() ? found->second : others_.value_or(label);
  }

  void run(Truth& truth, Prediction& prediction, const SampleGeometry&) const override {
    if (to_.truth) {
      if (auto* const mask = std::get_if<MaskTruth>(&truth))
        for (auto& x : mask->labels.values) x = static_cast<std::int32_t>(changed(x));
      else if (auto* const boxes = std::get_if<BoxTruth>(&truth))
        for (auto& x : boxes->labels) x = changed(x);
      else if (auto* const single = std::get_if<ClassTruth>(&truth))
        single->label = changed(single->label);
    }
    if (!to_.prediction) return;
    if (auto* const boxes = std::get_if<BoxPrediction>(&prediction))
      for (auto& x : boxes->labels) x = changed(x);
    else if (auto* const mask = std::get_if<MaskPrediction>(&prediction); mask != nullptr && mask->is_labels)
      for (auto& x : mask->scores.values) x = static_cast<float>(changed(std::lround(x)));
    else
      throw UsageError(
          "postprocessing 'remap_labels' changes predictions only of boxes and of masks of labels");
  }

  ApplyTo to_;
  std::map<std::int64_t, std::int64_t> map_;
  std::optional<std::int64_t> others_;
};

/// Masks drawn in colours were read as labels already; this says that they must have been.
class EncodeMask : public Postprocessor {
  void run(Truth& truth, Prediction&, const SampleGeometry&) const override {
    mask_of(truth, "postprocessing 'encode_segmentation_mask'");
  }
};

std::unique_ptr<Postprocessor> make_resize(Fields& fields, const DatasetMeta&) {
  const ApplyTo to = ApplyTo::read(fields, "all");
  const auto size = read_size(fields);
  return std::make_unique<ResizeMask>(
      to, size, fields.choice("interpolation", "nearest", {"nearest", "linear"}) == "linear");
}

std::unique_ptr<Postprocessor> make_padding(Fields& fields, const DatasetMeta&) {
  fields.choice("apply_to", "prediction", {"prediction"});
  return std::make_unique<CropPadding>();
}

std::unique_ptr<Postprocessor> make_crop(Fields& fields, const DatasetMeta&) {
  const ApplyTo to = ApplyTo::read(fields, "all");
  const auto size = read_size(fields);
  const auto volume = fields.optional_number("dst_volume", {1, 32768, true});
  if (!size) fields.fail("size", "'size' is missing", "or give dst_width, dst_height and dst_volume");
  const int depth = volume ? static_cast<int>(*volume) : size->width;
  return std::make_unique<CropMask>(to, depth, size->height, size->width);
}

std::unique_ptr<Postprocessor> make_clip(Fields& fields, const DatasetMeta&) {
  const ApplyTo to = ApplyTo::read(fields, "all");
  const double low = fields.number("min_value", 0.0, {-1e9, 1e9});
  const double high = fields.number("max_value", std::nullopt, {low, 1e9});
  return std::make_unique<ClipMask>(to, low, high);
}

std::unique_ptr<Postprocessor> make_extend(Fields& fields, const DatasetMeta&) {
  const ApplyTo to = ApplyTo::read(fields, "annotation");
  if (to.truth && to.prediction) fields.fail("apply_to", "only one of both can be extended");
  return std::make_unique<ExtendMask>(to, fields.integer("filling_label", 255, -1000000, 1000000));
}

std::unique_ptr<Postprocessor> make_remap(Fields& fields, const DatasetMeta&) {
  const ApplyTo to = ApplyTo::read(fields, "annotation");
  std::map<std::int64_t, std::int64_t> map;
  const ConfigNode* const node = fields.raw("map");
  if (node == nullptr || node->kind != ConfigNode::Kind::map)
    fields.fail("map", "'map' must be given as {label: new label, …}");
  for (const auto& [key, value] : node->map) {
    const auto from = parse_number(key), onto = parse_number(value.text);
    if (!from || !onto) config_error(value, "'map' of " + fields.what() + " must hold numbers only");
    map[static_cast<std::int64_t>(*from)] = static_cast<std::int64_t>(*onto);
  }
  const auto others = fields.optional_number("others", {-1e6, 1e6, true});
  return std::make_unique<RemapLabels>(
      to, std::move(map), others ? std::optional(static_cast<std::int64_t>(*others)) : std::nullopt);
}

std::unique_ptr<Postprocessor> make_encode(Fields& fields, const DatasetMeta&) {
  ApplyTo::read(fields, "annotation");
  return std::make_unique<EncodeMask>();
}

}  // namespace

extern const PostprocessorRecord resize_segmentation_mask_postprocessor{
    .name = "resize_segmentation_mask", .summary = "masks get a size", .make = make_resize};
extern const PostprocessorRecord crop_padding_postprocessor{
    .name = "crop_padding", .summary = "what padding added goes from predicted masks", .make = make_padding};
extern const PostprocessorRecord crop_segmentation_mask_postprocessor{
    .name = "crop_segmentation_mask", .summary = "cuts the middle of masks", .make = make_crop};
extern const PostprocessorRecord clip_segmentation_mask_postprocessor{
    .name = "clip_segmentation_mask", .summary = "limits the values of masks", .make = make_clip};
extern const PostprocessorRecord extend_segmentation_mask_postprocessor{
    .name = "extend_segmentation_mask", .summary = "masks get a border", .make = make_extend};
extern const PostprocessorRecord remap_labels_postprocessor{
    .name = "remap_labels", .summary = "labels get other numbers", .make = make_remap};
extern const PostprocessorRecord encode_segmentation_mask_postprocessor{
    .name = "encode_segmentation_mask", .summary = "colours of masks become labels", .make = make_encode};

}  // namespace refcalib::engine
