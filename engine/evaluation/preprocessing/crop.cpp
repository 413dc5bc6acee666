#include <algorithm>
#include <cmath>

#include "engine/evaluation/preprocessing/preprocessor.h"
#include "engine/evaluation/preprocessing/resampling.h"
#include "engine/evaluation/size_field.h"

namespace refcalib::engine {
namespace {

/// Cuts [depth, height, width] from a place.
Frame cut(const Frame& from, int front, int top, int left, int depth, int height, int width) {
  Frame out = from;
  out.depth = depth;
  out.height = height;
  out.width = width;
  out.values.clear();
  out.values.reserve(out.area() * static_cast<std::size_t>(from.channels));
  for (int z = front; z < front + depth; ++z)
    for (int y = top; y < top + height; ++y) {
      const auto row =
          from.values.begin() +
          ((static_cast<std::ptrdiff_t>(z) * from.height + y) * from.width + left) * from.channels;
      out.values.insert(out.values.end(), row, row + static_cast<std::ptrdiff_t>(width) * from.channels);
    }
  return out;
}

/// Cuts the middle; a picture that is smaller is enlarged first, in its proportions.
class Crop : public Preprocessor {
 public:
  Crop(std::optional<PixelSize> size, double fraction, bool pillow)
      : size_(size), fraction_(fraction), pillow_(pillow) {}

  void run(Frame& frame) const override {
    if (frame.depth != 1) throw UsageError("preprocessing 'crop' takes pictures", {.remedy = "use crop3d"});
    PixelSize to = size_.value_or(
        PixelSize{static_cast<int>(frame.width * fraction_), static_cast<int>(frame.height * fraction_)});
    to = {std::max(1, to.width), std::max(1, to.height)};
    if (frame.width < to.width || frame.height < to.height) {
      if (pillow_)
        throw UsageError("preprocessing 'crop': the picture is smaller than the crop",
                         {.remedy = "resize it first"});
      const double scale = std::max(static_cast<double>(to.width) / frame.width,
                                    static_cast<double>(to.height) / frame.height);
      const int width = static_cast<int>(std::ceil(frame.width * scale));
      const int height = static_cast<int>(std::ceil(frame.height * scale));
      frame.geometry.scale_x *= static_cast<double>(width) / frame.width;
      frame.geometry.scale_y *= static_cast<double>(height) / frame.height;
      frame = resample(frame, *find_interpolation("opencv", "LINEAR"), width, height);
    }
    const auto start = [&](int have, int want) {
      return pillow_ ? static_cast<int>(std::nearbyint((have - want) / 2.0)) : (have - want) / 2;
    };
    const int left = start(frame.width, to.width), top = start(frame.height, to.height);
    frame = cut(frame, 0, top, left, 1, to.height, to.width);
    SampleGeometry& g = frame.geometry;
    g.crop_left += left;
    g.crop_top += top;
    g.pad_left = std::max(0, g.pad_left - left);
    g.pad_top = std::max(0, g.pad_top - top);
    g.content_width = std::min(g.content_width, to.width - g.pad_left);
    g.content_height = std::min(g.content_height, to.height - g.pad_top);
  }

 private:
  std::optional<PixelSize> size_;
  double fraction_;
  bool pillow_;
};

/// The middle of a volume: start = max(axis / 2 - size / 2, 0).
class Crop3d : public Preprocessor {
 public:
  Crop3d(int depth, int height, int width) : depth_(depth), height_(height), width_(width) {}

  void run(Frame& frame) const override {
    const auto start = [](int axis, int size) { return std::max(axis / 2 - size / 2, 0); };
    const int depth = std::min(depth_, frame.depth), height = std::min(height_, frame.height),
              width = std::min(width_, frame.width);
    frame = cut(frame, start(frame.depth, depth), start(frame.height, height), start(frame.width, width),
                depth, height, width);
  }

 private:
  int depth_, height_, width_;
};

std::unique_ptr<Preprocessor> make(Fields& fields, const PreprocessContext&) {
  const auto size = read_size(fields);
  const auto fraction = fields.optional_number("central_fraction", {0, 1});
  const bool pillow = fields.flag("use_pillow", false);
  if (size.has_value() == fraction.has_value() || (fraction && *fraction == 0))
    fields.fail("size",
                "one of 'size' (or dst_width and dst_height) and 'central_fraction' above 0 must be given");
  return std::make_unique<Crop>(size, fraction.value_or(1), pillow);
}

std::unique_ptr<Preprocessor> make_3d(Fields& fields, const PreprocessContext&) {
  const auto size = read_size(fields);
  const auto volume = fields.optional_number("dst_volume", {1, 32768, true});
  if (!size) fields.fail("size", "'size' is missing", "or give dst_width, dst_height and dst_volume");
  return std::make_unique<Crop3d>(volume ? static_cast<int>(*volume) : size->width, size->height,
                                  size->width);
}

}  // namespace

extern const PreprocessorRecord crop_preprocessor{
    .name = "crop", .summary = "the middle of the picture is cut", .make = make};
extern const PreprocessorRecord crop3d_preprocessor{
    .name = "crop3d", .summary = "the middle of the volume is cut", .make = make_3d};

}  // namespace refcalib::engine
