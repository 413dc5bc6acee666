#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib::engine::lmdb {

/// The records of a database of LMDB, read only; it must not be written meanwhile. Nothing is written beside it, so it may lie on a medium that
/// cannot be written.
class Database {
 public:
  /// Opens it and lists its keys. `each`: gets every record, once, in the order of the keys, as long as the call lasts.
  /// Throws IoError if it cannot be opened; FormatError for a file that is none of LMDB or cut short, and for a database without records.
  Database(const std::filesystem::path& path, const std::function<void(std::string_view record)>& each);

  /// In the order of the database.
  const std::vector<std::string>& keys() const noexcept { return keys_; }
  /// A copy of a record. May be called by several threads at once. Throws IoError.
  std::string read(std::size_t index) const;

 private:
  struct Open;

  std::filesystem::path path_;
  std::shared_ptr<Open> open_;
  std::vector<std::string> keys_;
};

}  // namespace refcalib::engine::lmdb
