#pragma once

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// What a run of the network costs by arithmetic and memory traffic alone, in multiplications of FP32: a model, the same on every machine
/// and in every run. A multiplication of integers costs a quarter of one of floats, as the vector units of AVX2 and AVX-512 VNNI do
/// it; a byte that a step reads or writes costs two (a core of 60 GFMA/s at 30 GB/s). Conversions between the two are steps like
/// others, so a short stretch of integers between floats gains nothing.
/// `graph`: simplified or as read, with ranges and hints; `int8` false: everything in float.
double execution_cost(const Graph& graph, bool int8 = true);

}  // namespace refcalib::engine
