#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace refcalib::engine {

/// True classes of samples, by file name or by position.
class Labels {
 public:
  /// Reads lines `file index` (a file name may contain blanks) or `index` (for sample 0, 1, …); blank lines
  /// and lines that begin with '#' are skipped. The two kinds cannot be mixed. Throws FormatError with the
  /// line number for anything else and for a file that is named twice with different indices.
  static Labels parse(std::istream& text);
  /// The same from a file; errors name it. Throws IoError.
  static Labels read(const std::filesystem::path& path);

  /// The class of sample number `position` whose file is `file` (empty if it has none): by the file as
  /// written, else by its last component; nullopt if unknown.
  std::optional<std::size_t> find(const std::filesystem::path& file, std::size_t position) const;
  std::size_t size() const noexcept { return by_file_.size() + by_position_.size(); }
  bool by_position() const noexcept { return by_file_.empty(); }

 private:
  std::map<std::string, std::size_t, std::less<>> by_file_;
  std::vector<std::size_t> by_position_;
};

}  // namespace refcalib::engine
