#define REFCALIB_STREAMS streams_avx2
#include "bench/memory/stream-inl.h"
