#pragma once

/// The version of the project: its only home. CMake and `refcalib --version` read it from here.
namespace refcalib {
inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;
inline constexpr const char* version_string = "0.1.0";
}  // namespace refcalib
