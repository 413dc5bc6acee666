#pragma once

#include <span>
#include <string_view>

namespace refcalib::engine {

/// A file of engine/calibration/targets as it was when the library was built.
struct BuiltInTarget {
  std::string_view name;  ///< of the file, without .json
  std::string_view text;
};

std::span<const BuiltInTarget> built_in_target_files();

}  // namespace refcalib::engine
