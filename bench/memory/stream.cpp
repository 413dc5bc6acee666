#include "bench/memory/stream.h"

#include <cmath>

#include "engine/cpu/isa.h"

namespace refcalib_bench {

extern const Stream streams_scalar[5];
#ifdef REFCALIB_BENCH_X86
extern const Stream streams_avx2[5], streams_avx512[5];
#endif

std::span<const Stream> streams() {
#ifdef REFCALIB_BENCH_X86
  using refcalib::engine::Isa;
  if (refcalib::engine::is_available(Isa::avx512)) return streams_avx512;
  if (refcalib::engine::is_available(Isa::avx2)) return streams_avx2;
#endif
  return streams_scalar;
}

const Stream& nearest_stream(double read_bytes, double written_bytes) {
  const auto distance = [share = written_bytes / (read_bytes + written_bytes)](const Stream& s) {
    return std::abs(static_cast<double>(s.writes) / static_cast<double>(s.reads + s.writes) - share);
  };
  const Stream* best = &streams().front();
  for (const Stream& stream : streams())
    if (distance(stream) < distance(*best)) best = &stream;
  return *best;
}

}  // namespace refcalib_bench
