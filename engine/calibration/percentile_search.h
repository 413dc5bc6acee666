#pragma once

#include <string>
#include <vector>

#include "engine/calibration/options.h"
#include "engine/calibration/samples.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// What the search of the 2019 calibration tool came to.
struct PercentileSearch {
  struct Step {
    double percent = 100;
    double db = 0;  ///< mean SQNR of the outputs on samples held back
  };
  std::vector<Step> steps;  ///< in the order tried, from 100 down
  double percent = 100;     ///< the best of them, of equal ones the largest
  std::string method;       ///< that, as parse_method takes it
};

/// The search of the 2019 calibration tool: the threshold method image-percentile, whole images dropped, with 100, 99.5 … 95 % of the
/// images, of which the one that answers best is taken. That tool measured the accuracy on labelled data; here it is the SQNR on samples
/// held back (HeldBackProof). The network is observed once for all steps. `options.method` is not looked at.
/// Throws UsageError for fewer than kFewestToProve samples, and what collect() and decide() throw.
PercentileSearch search_image_percentile(const Graph& graph, const SampleSource& samples,
                                         const CalibrationOptions& options, const Progress& progress = {});

}  // namespace refcalib::engine
