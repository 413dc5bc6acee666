#pragma once

#include <filesystem>

#include "engine/evaluation/preprocessing/frame.h"

namespace refcalib::engine {

/// A volume of NIfTI-1 in one file (.nii, .nii.gz), little-endian. The file's axes x, y, z, channel become depth z, height y, width x, as
/// the Accuracy Checker turns them, with the channels last. Throws IoError, FormatError, UnsupportedError.
Frame read_nifti(const std::filesystem::path& path);

}  // namespace refcalib::engine
