#include "engine/core/error.h"
#include "engine/evaluation/readers/nifti.h"

// Takes the place of engine/evaluation/nifti in builds without libnifti.

namespace refcalib::engine {

Frame read_nifti(const std::filesystem::path& path) {
  throw UnsupportedError(
      "this build reads no volumes of NIfTI",
      {path.string(), {}, "build refcalib where libnifti is installed (Debian: libnifti-dev)"});
}

}  // namespace refcalib::engine
