#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/calibration/samples.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

struct DiagnoseOptions {
  int threads = 0;  ///< 0: all cores
  std::size_t explained =
      5;  ///< for how many layers, of those that cost most, a reason is looked for and remedies are tried
  std::size_t memory =
      1 << 29;  ///< bytes of float values that may be kept; fewer samples are used where they do not fit
};

/// A remedy that was tried in the whole INT8 network.
struct Trial {
  std::string remedy, advice;
  double gain_db = 0;  ///< of the signal to noise of the network's outputs
};

/// What one layer does to the answer.
struct LayerDiagnosis {
  std::string layer, op;
  double isolated_sqnr_db = 0;    ///< of its value, when this layer alone is quantized
  double cumulative_sqnr_db = 0;  ///< of its value in the INT8 network; NaN if it does not appear there
  double output_sqnr_db = 0;      ///< of the network's outputs, when this layer alone is quantized
  double share = 0;               ///< of the noise that all layers alone bring to the outputs
  std::uint64_t saturated = 0, elements = 0;  ///< elements of the float value outside the limits, of all
  /// Of the layers that cost most.
  std::string reason, detail;
  std::optional<std::size_t> channel;
  std::vector<Trial> trials;  ///< the best first
};

struct Diagnosis {
  std::size_t samples = 0;
  double output_sqnr_db = 0;           ///< of the INT8 network as it runs
  double simulated_sqnr_db = 0;        ///< of all changes in the float network, which should be about that
  std::vector<LayerDiagnosis> layers;  ///< the costliest first
};

/// Finds out what the quantization of each layer costs. Every layer is quantized alone in the float network (LayerChange), so that its
/// own noise is told from what it inherits; the costliest are explained, and remedies are tried for them.
/// `reference`: the network in float, `quantized`: calibrated from it, both as read. Outputs that list detections are judged by the values
/// that they are made of. Runs layers x samples times. Throws UsageError if the two are not of the same network, or no sample could be
/// used; Cancelled; what `samples.fill` throws.
Diagnosis diagnose(const Graph& reference, const Graph& quantized, const SampleSource& samples,
                   const DiagnoseOptions& options = {}, const Progress& progress = {});

}  // namespace refcalib::engine
