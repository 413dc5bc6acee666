#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace refcalib::engine {

/// Results of measurements by name, in a file: what was measured before an interruption is not measured again. A search that is a
/// function of its measurements so goes the same way when it is repeated, and ends with the same network.
class SearchJournal {
 public:
  /// No file: results are kept in memory alone.
  SearchJournal() = default;
  /// `origin`: everything that results depend on, in words. With `resume` a file that is there is read, and UsageError is thrown if
  /// it is of another origin; without it, it is replaced by the first result. Throws IoError, FormatError.
  SearchJournal(std::filesystem::path file, std::string origin, bool resume);

  /// The result of that name from the journal, else from `measure`, which is written down at once: the file always is a whole one.
  /// An empty result is not written. Throws IoError and what `measure` throws.
  std::vector<double> get(const std::string& name, const std::function<std::vector<double>()>& measure);

  std::size_t read_back() const noexcept { return read_back_; }  ///< results that were there at the beginning
  /// Removes the file.
  void remove() const;

 private:
  void write() const;

  std::filesystem::path file_;
  std::string origin_;
  std::map<std::string, std::vector<double>> results_;
  std::size_t read_back_ = 0;
};

}  // namespace refcalib::engine
