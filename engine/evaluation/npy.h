#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/shape.h"
#include "engine/evaluation/output_file.h"

namespace refcalib::engine {

/// A NumPy .npy file whose elements are read on demand and converted to float, so that a file may be larger
/// than memory. Formats 1.0 to 3.0; little-endian float32, float64, int8, uint8, int16, uint16, int32, int64
/// and bool in C order. Conversion rounds to nearest where float cannot hold the value. Reading is safe from
/// several threads.
class NpyReader {
 public:
  /// Throws IoError if the file cannot be read, FormatError if it is malformed, truncated or longer than its
  /// shape, UnsupportedError for other element types, big-endian data and Fortran order.
  explicit NpyReader(const std::filesystem::path& path);

  const Shape& shape() const noexcept { return shape_; }
  std::int64_t count() const noexcept { return count_; }
  /// Elements [first, first + out.size()). Throws IoError; Error if the range leaves the array.
  void read(std::int64_t first, std::span<float> out) const;

 private:
  struct File;
  struct ElementType;
  static const ElementType& element_type(const std::string& descr);

  std::string name_;
  std::shared_ptr<const File> file_;
  const ElementType* type_ = nullptr;
  Shape shape_;
  std::int64_t count_ = 0, data_offset_ = 0;
};

/// All elements of a .npy file. Throws as NpyReader.
std::vector<float> read_npy(const std::filesystem::path& path, Shape* shape = nullptr);

/// Writes a float32 .npy file (format 1.0, C order) whose first dimension grows by append(). The file appears
/// under its name at commit().
class NpyWriter {
 public:
  /// `rest`: the dimensions behind the first one. Throws IoError.
  NpyWriter(const std::filesystem::path& path, Shape rest);
  /// Appends values.size() / product(rest) rows. Throws Error if that is no whole number, IoError.
  void append(std::span<const float> values);
  void commit();

 private:
  OutputFile file_;
  Shape rest_;
  std::int64_t row_ = 1, rows_ = 0;
};

/// Writes one array. Throws Error if the shape does not fit the number of values, IoError.
void write_npy(const std::filesystem::path& path, const Shape& shape, std::span<const float> values);

}  // namespace refcalib::engine
