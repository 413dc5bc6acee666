#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace refcalib::engine::tables {

/// Limits of the activations of one place of a network, as a calibration table states them.
struct ActivationEntry {
  enum class Place { output, input };

  std::string name;             ///< what produces the value (a tensor or layer), or the layer that reads it
  Place place = Place::output;  ///< which of the two
  double low = 0, high = 0;     ///< what the integers reach; low <= 0 <= high
  /// The integers go from -127 to 127 over [-high, high]; otherwise 256 levels lie over [low, high].
  bool symmetric = true;
  std::optional<std::pair<double, double>> observed =
      {};  ///< extremes that were seen, where the table has them

  /// The largest magnitude that the integers reach.
  double threshold() const noexcept { return high > -low ? high : -low; }
};

/// Limits of the weights of one layer: +-limit of each output channel, or of all, reached by the integers +-127. 0: all weights are
/// zero there.
struct WeightEntry {
  std::string layer;
  std::vector<double> limits;
};

/// A calibration table of another tool in common terms, in the order of the file.
struct CalibrationTable {
  std::vector<ActivationEntry> activations;
  std::vector<WeightEntry> weights;
  /// In this format a layer without an entry for its weights stays in float.
  bool weights_choose_layers = false;
  std::vector<std::string> notes = {};  ///< what the file holds beside limits for 8 bits, one line each
};

}  // namespace refcalib::engine::tables
