#include "engine/evaluation/lmdb/database.h"

#include <lmdb.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/core/error.h"

namespace refcalib::engine::lmdb {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(int code, const std::string& what, const fs::path& path) {
  const std::string text = what + ": " + ::mdb_strerror(code);
  if (code == MDB_INVALID || code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND ||
      code == MDB_VERSION_MISMATCH)
    throw FormatError(text, {.file = path.string()});
  throw IoError(text, {.file = path.string()});
}

std::string_view view_of(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

struct CloseEnvironment {
  void operator()(MDB_env* env) const noexcept { ::mdb_env_close(env); }
};
struct AbortTransaction {
  void operator()(MDB_txn* txn) const noexcept { ::mdb_txn_abort(txn); }
};
struct CloseCursor {
  void operator()(MDB_cursor* cursor) const noexcept { ::mdb_cursor_close(cursor); }
};

/// Pages that the database counts and the file does not have would be read behind its end.
void check_size(MDB_env* env, const fs::path& path, std::uintmax_t size) {
  MDB_envinfo info{};
  MDB_stat stat{};
  ::mdb_env_info(env, &info);
  ::mdb_env_stat(env, &stat);
  const std::uintmax_t pages = static_cast<std::uintmax_t>(info.me_last_pgno) + 1;
  if (stat.ms_psize == 0 || pages > size / stat.ms_psize)
    throw FormatError("the database is cut short: it has " + std::to_string(pages) + " pages of " +
                          std::to_string(stat.ms_psize) + " bytes, the file " + std::to_string(size) +
                          " bytes",
                      {.file = path.string()});
}

}  // namespace

struct Database::Open {
  std::unique_ptr<MDB_env, CloseEnvironment> env;
  std::unique_ptr<MDB_txn, AbortTransaction> txn;
  MDB_dbi dbi = 0;
  std::mutex mutex;  ///< of the transaction
};

Database::Database(const fs::path& path, const std::function<void(std::string_view)>& each)
    : path_(path), open_(std::make_shared<Open>()) {
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  const fs::path file = folder ? path / "data.mdb" : path;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error) throw IoError("cannot open the database: " + error.message(), {.file = file.string()});
  if (size == 0) throw FormatError("the file is empty", {.file = file.string()});

  MDB_env* env = nullptr;
  if (const int code = ::mdb_env_create(&env)) fail(code, "cannot open the database", path);
  open_->env.reset(env);
  const unsigned flags = MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS | (folder ? 0U : unsigned{MDB_NOSUBDIR});
  if (const int code = ::mdb_env_open(env, path.c_str(), flags, 0))
    fail(code, "cannot open the database", path);
  check_size(env, file, size);
  MDB_txn* txn = nullptr;
  if (const int code = ::mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn))
    fail(code, "cannot read the database", path);
  open_->txn.reset(txn);
  if (const int code = ::mdb_dbi_open(txn, nullptr, 0, &open_->dbi))
    fail(code, "cannot read the database", path);

  MDB_cursor* opened = nullptr;
  if (const int code = ::mdb_cursor_open(txn, open_->dbi, &opened))
    fail(code, "cannot read the database", path);
  const std::unique_ptr<MDB_cursor, CloseCursor> cursor(opened);
  MDB_val key{}, value{};
  int code = 0;
  while ((code = ::mdb_cursor_get(opened, &key, &value, MDB_NEXT)) == MDB_SUCCESS) {
    keys_.emplace_back(view_of(key));
    each(view_of(value));
  }
  if (code != MDB_NOTFOUND) fail(code, "cannot list the records", path);
  if (keys_.empty()) throw FormatError("the database has no records", {.file = path.string()});
}

std::string Database::read(std::size_t index) const {
  const std::string& name = keys_[index];
  MDB_val key{name.size(), const_cast<char*>(name.data())}, value{};
  const std::lock_guard lock(open_->mutex);
  if (const int code = ::mdb_get(open_->txn.get(), open_->dbi, &key, &value))
    fail(code, "cannot read the record", path_ / name);
  return std::string(view_of(value));
}

}  // namespace refcalib::engine::lmdb
