#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/evaluation/input_source.h"
#include "engine/evaluation/prepared_samples.h"

namespace refcalib::engine {

/// The samples of a configuration's dataset, prepared and bound to inputs as it says, as sources for a Dataset: one for each input. Of a
/// volume that goes through the network slice by slice the middle slice is shown.
/// The sources refer to `config`, `annotations` and `prepared`. Throws as Pipeline and InputFeeder.
std::vector<InputSource> configured_sources(std::span<const PortInfo> inputs, const EvaluationConfig& config,
                                            const AnnotationSet& annotations, PreparedSamples& prepared);

}  // namespace refcalib::engine
