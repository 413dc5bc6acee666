#include <algorithm>
#include <array>
#include <cmath>

#include "engine/evaluation/preprocessing/preprocessor.h"
#include "engine/evaluation/preprocessing/resampling.h"
#include "engine/evaluation/size_field.h"

namespace refcalib::engine {
namespace {

/// The size that a picture of w x h gets when W x H is asked for: the rules of the Accuracy Checker's
/// aspect_ratio_scale, truncated where it truncates.
using AspectRule = PixelSize (*)(PixelSize picture, PixelSize wanted);

int whole(double x) {
  return std::max(1, static_cast<int>(x));
}

PixelSize keep_width(PixelSize p, PixelSize d) {
  return {whole(static_cast<double>(d.width) * p.width / p.height), d.height};
}
PixelSize keep_height(PixelSize p, PixelSize d) {
  return {d.width, whole(static_cast<double>(d.height) * p.height / p.width)};
}
/// The shorter side gets the size.
PixelSize greater(PixelSize p, PixelSize d) {
  return p.height > p.width ? keep_height(p, d) : keep_width(p, d);
}
PixelSize fit_to_window(PixelSize p, PixelSize d) {
  const double scale =
      std::min(static_cast<double>(d.height) / p.height, static_cast<double>(d.width) / p.width);
  return {whole(p.width * scale), whole(p.height * scale)};
}
PixelSize frcnn(PixelSize p, PixelSize d) {
  const int low = std::min(d.width, d.height), high = std::max(d.width, d.height);
  const PixelSize first = greater(p, {low, low});
  return std::max(first.width, first.height) > high ? fit_to_window(p, {high, high}) : first;
}
PixelSize ctpn(PixelSize p, PixelSize d) {
  const double low = std::min(d.width, d.height), high = std::max(d.width, d.height);
  double scale = low / std::min(p.width, p.height);
  if (std::nearbyint(scale * std::max(p.width, p.height)) > high) scale = high / std::max(p.width, p.height);
  return {whole(std::nearbyint(p.width * scale)), whole(std::nearbyint(p.height * scale))};
}
PixelSize east(PixelSize p, PixelSize d) {
  const int low = std::min(d.width, d.height), high = std::max(d.width, d.height);
  const double scale = std::min(1.0, static_cast<double>(high) / std::max(p.width, p.height));
  const auto side = [&](int size) {
    const int v = static_cast<int>(size * scale);
    return std::max(32, v % low == 0 ? v : (v / low - 1) * low);
  };
  return {side(p.width), side(p.height)};
}

constexpr std::array<std::pair<std::string_view, AspectRule>, 7> kRules{{{"width", keep_width},
                                                                         {"height", keep_height},
                                                                         {"greater", greater},
                                                                         {"fit_to_window", fit_to_window},
                                                                         {"frcnn_keep_aspect_ratio", frcnn},
                                                                         {"ctpn_keep_aspect_ratio", ctpn},
                                                                         {"east_keep_aspect_ratio", east}}};

class Resize : public Preprocessor {
 public:
  Resize(PixelSize size, const Interpolation& how, AspectRule rule) : size_(size), how_(&how), rule_(rule) {}

  void run(Frame& frame) const override {
    if (frame.depth != 1) throw UsageError("preprocessing 'resize' takes pictures, not volumes");
    const PixelSize to = rule_ != nullptr ? rule_({frame.width, frame.height}, size_) : size_;
    if (to.width > kLargest || to.height > kLargest)
      throw UnsupportedError("the picture is too long and narrow for this resize");
    const double scale_x = static_cast<double>(to.width) / frame.width;
    const double scale_y = static_cast<double>(to.height) / frame.height;
    frame = resample(frame, *how_, to.width, to.height);
    // Further steps see floats, as the Accuracy Checker's do.
    frame.bytes = false;
    SampleGeometry& g = frame.geometry;
    g.scale_x *= scale_x;
    g.scale_y *= scale_y;
    g.pad_left = static_cast<int>(std::lround(g.pad_left * scale_x));
    g.pad_top = static_cast<int>(std::lround(g.pad_top * scale_y));
    g.content_width = static_cast<int>(std::lround(g.content_width * scale_x));
    g.content_height = static_cast<int>(std::lround(g.content_height * scale_y));
  }

 private:
  static constexpr int kLargest = 1 << 15;
  PixelSize size_;
  const Interpolation* how_;
  AspectRule rule_;
};

const Interpolation& read_interpolation(Fields& fields) {
  std::string library = fields.choice("resize_realization", "opencv", {"opencv", "pillow", "tf"});
  const bool pillow = fields.flag("use_pillow", false), tensorflow = fields.flag("use_tensorflow", false);
  if (!fields.has("resize_realization")) library = pillow ? "pillow" : tensorflow ? "tf" : library;
  std::vector<std::string_view> names;
  for (const Interpolation& row : interpolations())
    if (row.library == library) names.push_back(row.name);
  return *find_interpolation(
      library, fields.choice("interpolation", library == "opencv" ? "LINEAR" : "BILINEAR", names));
}

std::unique_ptr<Preprocessor> make(Fields& fields, const PreprocessContext&) {
  const auto size = read_size(fields);
  if (!size) fields.fail("size", "'size' is missing", "give size, or dst_width and dst_height");
  const Interpolation& how = read_interpolation(fields);
  AspectRule rule = nullptr;
  if (fields.has("aspect_ratio_scale")) {
    std::vector<std::string_view> names;
    for (const auto& [name, known] : kRules) names.push_back(name);
    const std::string given = fields.choice("aspect_ratio_scale", "", names);
    for (const auto& [name, known] : kRules)
      if (name == given) rule = known;
  }
  // A factor for the size, of no effect at its default.
  if (fields.number("factor", 1.0, {0, 1e6}) != 1.0) fields.fail("factor", "'factor' is not supported");
  return std::make_unique<Resize>(*size, how, rule);
}

std::unique_ptr<Preprocessor> make_auto(Fields&, const PreprocessContext& context) {
  const PixelSize size{std::max(1, context.input_width), std::max(1, context.input_height)};
  return std::make_unique<Resize>(size, *find_interpolation("opencv", "LINEAR"), nullptr);
}

}  // namespace

extern const PreprocessorRecord resize_preprocessor{
    .name = "resize", .summary = "the picture gets a size", .make = make};
extern const PreprocessorRecord auto_resize_preprocessor{
    .name = "auto_resize", .summary = "the picture gets the size of the network's input", .make = make_auto};

}  // namespace refcalib::engine
