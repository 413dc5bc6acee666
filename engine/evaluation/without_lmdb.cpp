#include "engine/core/error.h"
#include "engine/evaluation/lmdb_source.h"

// Takes the place of engine/evaluation/lmdb in builds without liblmdb or protobuf.

namespace refcalib::engine {

InputSource lmdb_source(std::span<const std::filesystem::path> databases, const PortInfo&,
                        const Preprocessing&) {
  throw UnsupportedError(
      "this build reads no databases of LMDB",
      {databases.front().string(),
       {},
       "build refcalib where liblmdb and protobuf are installed (Debian: liblmdb-dev, libprotobuf-dev)"});
}

}  // namespace refcalib::engine
