#include "engine/evaluation/readers/reader.h"

namespace refcalib::engine {
namespace {

/// Decodes a picture; gray ones get three equal channels, the orientation that a JPEG states is applied.
class PictureReader : public Reader {
 public:
  PictureReader(std::filesystem::path data, bool bgr) : data_(std::move(data)), bgr_(bgr) {}

  Frame read(const std::string& id) const override { return frame_of(load_image(data_ / id), bgr_); }

 private:
  std::filesystem::path data_;
  bool bgr_;
};

std::unique_ptr<Reader> make_opencv(Fields& fields, const std::filesystem::path& data) {
  return std::make_unique<PictureReader>(data, fields.choice("reading_flag", "color", {"color"}) == "color");
}

std::unique_ptr<Reader> make_pillow(Fields&, const std::filesystem::path& data) {
  return std::make_unique<PictureReader>(data, false);
}

}  // namespace

extern const ReaderRecord opencv_reader{
    .name = "opencv_imread", .summary = "pictures, blue first (the default)", .make = make_opencv};
extern const ReaderRecord pillow_reader{.name = "pillow_imread",
                                        .summary = "pictures, red first",
                                        .make = make_pillow,
                                        .aliases = {"scipy_imread", "tf_imread", "skimage_imread"}};

}  // namespace refcalib::engine
