#pragma once

#include <string>
#include <vector>

#include "engine/calibration/equalize.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// SmoothQuant (include/refcalib/smooth_quant.hpp) between the scale and shift of a normalization and the matrix products that read it:
/// y = (x * gamma + beta) W. Features are divided by factors in gamma and beta and multiplied in the rows of W, so that those with outliers
/// leave more levels to the others. Done where matrix products with weights of two dimensions, which the file states as they run, are
/// the only readers; of several the largest weights count, so that all share the factors. The float network computes the same up to
/// rounding.
/// `weighted`: layers of the simplified graph that run on integers; `ranges`: largest magnitudes of the features (the last dimension) of
/// values; `alpha`: from 0 (weights alone become even) to 1 (values alone).
Equalized smooth_inputs(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                        const ChannelRanges& ranges, double alpha);

}  // namespace refcalib::engine
