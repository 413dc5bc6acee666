#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/calibration/equalize.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Smallest and largest number of each channel of a value, behind its activation.
struct ChannelLimits {
  std::vector<double> low, high;
};

/// High-bias absorption (include/refcalib/equalization.hpp, absorbed_bias): of channels behind a ReLU that never fall to zero, the least
/// value seen moves from the bias in front of it into the biases of the layers behind, which leaves a narrower range to store. Done
/// where nothing but layers without zero padding read the value, for channels that stay below an upper clamp (ReLU6); there the float
/// network computes the same up to rounding on the data of which `limits` are.
/// `weighted`: layers of the simplified graph that run on integers; `limits`: by the names of values.
Equalized absorb_biases(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                        const std::map<std::string, ChannelLimits, std::less<>>& limits);

/// Channel alignment (include/refcalib/channel_alignment.hpp): of what a layer without an activation writes, the middle of each channel's
/// range moves from the layer's bias into the biases of the layers behind. Conditions and arguments as above.
Equalized align_channels(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                         const std::map<std::string, ChannelLimits, std::less<>>& limits);

}  // namespace refcalib::engine
