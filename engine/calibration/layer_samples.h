#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/calibration/samples.h"
#include "engine/graph/graph.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// How a layer with constant weights meets its input: every output is a product of `depth` weights with as many inputs, a patch.
/// Weights are [groups][outputs][depth] in the order of patches.
struct LayerGeometry {
  std::size_t groups = 1, outputs = 1, depth = 1;
  bool transposed = false;  ///< weights in memory are [depth][outputs] (a MatMul without transpose_b)
  Shape input, positions;   ///< of the input [N, C, spatial…]; batch and spatial extents of the output
  std::vector<std::int64_t> kernel, strides, dilations, pads;

  std::size_t channels() const noexcept { return groups * outputs; }
  std::size_t patch() const noexcept { return groups * depth; }
  std::size_t position_count() const;
  /// Where weight `k` of output channel `o` lies in the constant.
  std::size_t weight(std::size_t o, std::size_t k) const noexcept {
    return transposed ? k * outputs + o : o * depth + k;
  }
};

/// The geometry of a Convolution, or of a MatMul of [N, K] inputs; nullopt for other nodes.
std::optional<LayerGeometry> layer_geometry(const Graph& graph, const Node& node);

/// The patches that a layer meets at the same places of the same samples in two programs.
struct PatchSamples {
  std::size_t rows = 0;     ///< patches
  std::size_t samples = 0;  ///< that the patches are from, as many of each, one sample after the other
  std::vector<float> reference, actual;  ///< [rows][patch]
};

/// Samples kept in memory as network inputs: runs are repeated for layer after layer.
using KeptInputs = std::vector<std::vector<std::vector<float>>>;  ///< [sample][input][element]

/// Up to `most` of the samples, evenly taken from all.
KeptInputs keep_inputs(const std::shared_ptr<const Program>& program, std::size_t samples,
                       const FillInputs& fill, std::size_t most);

/// Runs every sample through both programs up to the layers, which read the same value, and takes about `rows` patches for each of them,
/// evenly over samples and places chosen by a fixed sequence. Does not depend on the number of threads.
std::vector<PatchSamples> sample_patches(const std::shared_ptr<const Program>& reference,
                                         const std::shared_ptr<const Program>& actual,
                                         std::span<const std::string> layers,
                                         std::span<const LayerGeometry> geometries, const KeptInputs& inputs,
                                         std::size_t rows, int threads);

}  // namespace refcalib::engine
