#include <algorithm>
#include <cmath>

#include "engine/evaluation/preprocessing/preprocessor.h"
#include "engine/evaluation/size_field.h"

namespace refcalib::engine {
namespace {

/// Where the picture stands in the larger one.
enum class Place : std::uint8_t { center, left_top, right_bottom };

/// Puts the picture into a larger one of a size, or whose sides are multiples of a stride. The names say
/// where the added part lies: `right_bottom` leaves the picture at the top left.
class Padding : public Preprocessor {
 public:
  Padding(std::optional<PixelSize> size, int stride, std::vector<float> value, Place place)
      : size_(size), stride_(stride), value_(std::move(value)), place_(place) {}

  void run(Frame& frame) const override {
    if (frame.depth != 1) throw UsageError("preprocessing 'padding' takes pictures, not volumes");
    const auto side = [&](int have, int want) {
      return (std::max(want, have) + stride_ - 1) / stride_ * stride_;
    };
    const int width = side(frame.width, size_ ? size_->width : frame.width);
    const int height = side(frame.height, size_ ? size_->height : frame.height);
    const int extra_x = width - frame.width, extra_y = height - frame.height;
    const int left = place_ == Place::center ? extra_x / 2 : place_ == Place::left_top ? extra_x : 0;
    const int top = place_ == Place::center ? extra_y / 2 : place_ == Place::left_top ? extra_y : 0;

    Frame out = frame;
    out.width = width;
    out.height = height;
    const auto channels = static_cast<std::size_t>(frame.channels);
    out.values.resize(out.area() * channels);
    for (std::size_t i = 0; i < out.values.size(); ++i)
      out.values[i] = value_[std::min(i % channels, value_.size() - 1)];
    const auto row = static_cast<std::ptrdiff_t>(frame.width) * frame.channels;
    for (int y = 0; y < frame.height; ++y)
      std::copy_n(
          frame.values.begin() + y * row, row,
          out.values.begin() + (static_cast<std::ptrdiff_t>(y + top) * width + left) * frame.channels);
    out.bytes = frame.bytes && std::all_of(value_.begin(), value_.end(), [](float v) {
                  return v >= 0 && v <= 255 && v == std::nearbyint(v);
                });
    out.geometry.pad_left += left;
    out.geometry.pad_top += top;
    frame = std::move(out);
  }

 private:
  std::optional<PixelSize> size_;
  int stride_;
  std::vector<float> value_;
  Place place_;
};

std::unique_ptr<Preprocessor> make(Fields& fields, const PreprocessContext&) {
  const int stride = fields.integer("stride", 1, 1, 32768);
  const auto size = read_size(fields);
  std::vector<double> value = fields.numbers("pad_value");
  if (value.empty()) value = {0, 0, 0};
  if (value.size() != 1 && value.size() != 3)
    fields.fail("pad_value", "'pad_value' must be one number, or one for each channel");
  const std::string type = fields.choice("pad_type", "center", {"center", "left_top", "right_bottom"});
  // Other ways to come to the same values.
  fields.flag("use_numpy", false);
  const Place place = type == "center"     ? Place::center
                      : type == "left_top" ? Place::left_top
                                           : Place::right_bottom;
  return std::make_unique<Padding>(size, stride, std::vector<float>{value.begin(), value.end()}, place);
}

}  // namespace

extern const PreprocessorRecord padding_preprocessor{
    .name = "padding", .summary = "the picture is put into a larger one", .make = make};

}  // namespace refcalib::engine
