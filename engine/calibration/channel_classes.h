#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// A channel of a value (dimension 1), or an output or input channel of a layer with weights.
struct ChannelOf {
  std::uint32_t id = kNone;  ///< ValueId or NodeId
  std::size_t channel = 0;
  friend auto operator<=>(const ChannelOf&, const ChannelOf&) = default;
};

/// Channels that one factor scales: all between the layers that write them and the layers that read them.
struct ChannelClass {
  std::vector<ChannelOf> values;
  std::vector<ChannelOf>
      sources;  ///< output channels of layers: their weights and biases are divided by the factor
  std::vector<ChannelOf> sinks;  ///< input channels of layers: their weights are multiplied by it
};

/// The classes of a simplified graph that any positive factor leaves the network's outputs as they are for: what lies between sources and
/// sinks is positively homogeneous (no activation, ReLU, leaky ReLU, PReLU, pooling, interpolation, concatenation and sums of equally
/// scaled channels). A clamp from 0 to c allows factors up to 1 that leave the values that occur below c.
/// `editable`: layers whose weights and biases can be changed. Channels that reach another operation, a network input or output
/// are left out. In the order of the first value.
std::vector<ChannelClass> channel_classes(const Graph& simplified,
                                          const std::function<bool(NodeId)>& editable);

}  // namespace refcalib::engine
