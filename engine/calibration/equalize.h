#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// A figure of each channel of a value, by the value's name.
using ChannelFigures = std::map<std::string, std::vector<double>, std::less<>>;

/// Largest magnitudes of channels.
using ChannelRanges = ChannelFigures;

/// What equalize() evens out.
struct EqualizeOptions {
  /// 0: nothing, 1: all channels of a value get the same range, which takes most from the weights that read it.
  double strength = 0.5;
  /// Even out the ranges of the weights instead: for weights that share one scale per layer.
  bool weights = false;
  /// Standard deviations of channels. If there are any, each set of connected channels gets the strength of 0, 1/4 … 1 that promises the
  /// least noise of rounding (rounding_noise) in the layers that read it, instead of `strength`.
  ChannelFigures deviations{};
};

/// A network whose channels were scaled, and what differs from the file.
struct Equalized {
  Graph graph;                      ///< in the form of the original one
  std::vector<std::string> layers;  ///< those with other weights or biases
};

/// Cross-layer equalization: divides channels between layers by factors s and multiplies the weights that read them
/// (include/refcalib/equalization.hpp). Values that share one activation scale: s = (range / largest range)^strength. Weights that share
/// one scale: equalize_shared() for what writes the channels and what reads them, in turns until it settles; a channel stays within its
/// value's range and keeps at least a sixteenth of it. Channels that reach an upper clamp (ReLU6) on the data of which `ranges` are keep
/// the factor 1, and no other comes to reach it: the clamp cuts off what it cut off before, and the float network computes the same up
/// to rounding. (The paper takes such clamps away instead, which MobileNetV2 as trained does not bear.)
/// `weighted`: layers of the simplified graph that run on integers; `ranges`: of the values stored as integers. Other layers, and
/// channels that reach other operations, stay as they are.
Equalized equalize(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                   const ChannelRanges& ranges, const EqualizeOptions& options);

}  // namespace refcalib::engine
