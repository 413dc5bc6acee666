#pragma once

#include <vector>

#include "engine/runtime/program.h"
#include "tests/golden/golden_index.h"

namespace refcalib_test {

/// Feeds a session the inputs of a golden entry: by name, or by position where the names differ.
void fill_golden_inputs(refcalib::engine::Session& session, const GoldenEntry& entry);

/// The session's output that a golden tensor names, reduced to the elements that the golden file holds; empty if there is none.
std::vector<float> golden_view(const refcalib::engine::Session& session, const GoldenTensor& golden);

}  // namespace refcalib_test
