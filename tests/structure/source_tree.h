#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib_test {

/// A file of the project as the structure tests see it.
struct SourceFile {
  std::string path;                   ///< from the project's root, for example engine/core/shape.h
  std::string code;                   ///< its text without comments; lines keep their numbers
  std::vector<std::string> includes;  ///< files of the project that it includes, from the root
};

/// C++ text with every comment replaced by blanks; string literals stay.
std::string without_comments(std::string_view text);

/// Reads all files under `folders` (relative to `root`) whose extension is one of `extensions`, sorted by
/// path. "engine/...", "apps/..." and <refcalib/...> count as includes of the project, and so do names
/// relative to the file.
std::vector<SourceFile> read_sources(const std::filesystem::path& root,
                                     const std::vector<std::string>& folders,
                                     const std::vector<std::string>& extensions);

/// All C++ files of the layers: include, engine, apps.
std::vector<SourceFile> layer_sources();

/// Number of the line (from 1) that holds position `offset` of the text.
std::size_t line_of(std::string_view text, std::size_t offset);

}  // namespace refcalib_test
