#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "engine/calibration/calibrate.h"
#include "engine/formats/ir/ir.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// What refine_layers may change.
struct RefineOptions {
  bool biases = true;   ///< full bias correction
  bool weights = true;  ///< rounding refinement
  int threads = 1;
};

/// Corrects layer after layer, in topological order, each for the inputs that it gets from the layers that were corrected before:
///  - its weights are rounded so that its outputs on these inputs move least (integer coordinate descent on the Gram matrix of the inputs,
///    include/refcalib/rounding.hpp);
///  - its bias takes up the mean that remains, as far as the samples agree on it (full bias correction: layers with a zero bias are not
///    skipped, one without gets one).
/// `original`: the graph as the file has it; `simplified`: its simplified form; `weighted`: its layers that run on integers.
/// Changes `values` and `bias` of the annotation's weights. Up to 96 samples are used, evenly taken from all. `between` is called in front of
/// each layer and may throw to stop. The result does not depend on the number of threads.
void refine_layers(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                   std::size_t samples, const FillInputs& fill, const RefineOptions& options,
                   ir::Annotation& annotation, const std::function<void()>& between = {});

}  // namespace refcalib::engine
