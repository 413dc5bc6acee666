#define REFCALIB_STREAMS streams_scalar
#include "bench/memory/stream-inl.h"
