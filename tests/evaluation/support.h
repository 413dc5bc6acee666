#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/evaluation/image.h"

namespace refcalib_test {

/// A folder of its own that is removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "refcalib-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  /// Writes a file and returns its path.
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  /// Names of the files in the folder, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::filesystem::path path_;
};

/// The whole content of a file.
inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A binary PNM file: "P6" for three channels, "P5" for one.
inline std::string pnm(const refcalib::engine::Image& image) {
  std::string file = (image.channels == 3 ? "P6 " : "P5 ") + std::to_string(image.width) + " " +
                     std::to_string(image.height) + " 255\n";
  return file + std::string(image.pixels.begin(), image.pixels.end());
}

/// A picture whose bytes are all determined by their position.
inline refcalib::engine::Image pattern(int width, int height, int channels = 3) {
  refcalib::engine::Image image{width, height, channels, {}};
  image.pixels.resize(image.row_bytes() * static_cast<std::size_t>(height));
  std::uint32_t state = static_cast<std::uint32_t>(width * 131 + height * 17 + channels);
  for (auto& byte : image.pixels) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24U);
  }
  return image;
}

}  // namespace refcalib_test
