#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/calibration/target_profile.h"

namespace refcalib::engine {

/// The documented default threshold method.
std::string default_method();

/// Which layers run in integers. Names are patterns (name_pattern.h) and stand for every layer of the file; one that is fused into
/// another shares its fate. What is not excluded runs in integers where it can.
struct LayerSelection {
  std::vector<std::string> ignore_layers;  ///< layers that stay in float
  std::vector<std::string>
      ignore_types;  ///< types of layers that stay in float: as the file or the engine calls them
  std::vector<std::string> int8_layers;  ///< if not empty: all other layers with weights stay in float
  bool float_first = false;  ///< layers with weights that have no such layer in front of them stay in float
  bool float_last = false;   ///< the same for those that have none behind them
  /// All layers on a way from the first to the second, both included, stay in float.
  std::vector<std::pair<std::string, std::string>> ignore_between;
  std::map<std::string, std::string> layer_types;  ///< type of each layer as the file calls it; may be empty
};

/// How limits are decided from statistics, and which layers stay in float.
struct CalibrationOptions : LayerSelection {
  std::string method = default_method();  ///< of activations, as parse_method takes it
  /// Methods of single layers: for the values that the layers of a pattern produce (name_pattern.h; `type:PATTERN`: by the type of the
  /// layer), of several that match the last.
  std::vector<std::pair<std::string, std::string>> method_for;
  std::string weights_method = "minmax";  ///< of weights, as parse_method takes it
  int kl_bins = 0;                        ///< of `kl` where the method does not say; 0: the toolkit's default
  TargetProfile target;
  bool per_channel_weights = true;
  std::string activations = "asymmetric";  ///< asymmetric | symmetric
  bool correct_bias = true;                ///< see bias_correction.h
  bool seven_bit_weights = false;          ///< see refcalib/saturation.hpp
  // Of calibrate_and_correct, kept where held-back samples gain:
  bool equalize = true;               ///< see equalize.h
  bool absorb_biases = false;         ///< see shift_channels.h
  bool align_channels = false;        ///< likewise
  bool smooth_inputs = false;         ///< see smooth_inputs.h
  bool refine_limits = false;         ///< see refine_limits.h
  bool full_bias_correction = false;  ///< see refine_layers.h
  bool refine_rounding = false;       ///< likewise
  bool search_percentiles =
      false;                   ///< instead of `method`: see percentile_search.h; of calibrate_and_correct
  int threads = 0;             ///< 0: all cores; the result does not depend on it
  std::size_t max_memory = 0;  ///< bytes for observing values, as CollectOptions; 0: no bound
};

}  // namespace refcalib::engine
