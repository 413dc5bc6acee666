#define REFCALIB_STREAMS streams_avx512
#include "bench/memory/stream-inl.h"
