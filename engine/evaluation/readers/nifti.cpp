#include "engine/evaluation/readers/nifti.h"

#include "engine/evaluation/readers/reader.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

class NiftiReader : public Reader {
 public:
  explicit NiftiReader(fs::path data) : data_(std::move(data)) {}

  Frame read(const std::string& id) const override { return read_nifti(data_ / id); }

 private:
  fs::path data_;
};

std::unique_ptr<Reader> make(Fields& fields, const fs::path& data) {
  fields.flag("channels_first", false);
  return std::make_unique<NiftiReader>(data);
}

}  // namespace

extern const ReaderRecord nifti_reader{
    .name = "nifti_reader", .summary = "volumes of NIfTI (.nii, .nii.gz, .hdr with .img)", .make = make};

}  // namespace refcalib::engine
