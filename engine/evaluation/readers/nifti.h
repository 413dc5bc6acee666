#pragma once

#include <filesystem>

#include "engine/evaluation/preprocessing/frame.h"

namespace refcalib::engine {

/// A volume of NIfTI-1 (.nii, .nii.gz, or .hdr with .img) of either byte order, read by libnifti. The file's axes x, y, z, channel become
/// depth z, height y, width x, as the Accuracy Checker turns them, with the channels last. Throws IoError, FormatError, UnsupportedError; the
/// latter also in builds without libnifti.
Frame read_nifti(const std::filesystem::path& path);

}  // namespace refcalib::engine
