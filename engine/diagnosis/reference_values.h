#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/calibration/samples.h"
#include "engine/diagnosis/channel_error.h"
#include "engine/graph/graph.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// What lies outside the limits of a stored value.
struct Saturation {
  std::uint64_t count = 0, elements = 0;
  double energy = 0;  ///< sum of the squares of what is cut off
};

/// Inputs, chosen values and outputs of a float network for some samples, and comparisons of other networks with them.
class ReferenceValues {
 public:
  /// Runs the network (a simplified graph) on as many of the samples as fit into `memory` bytes, at least one. Throws UsageError if
  /// none could be used.
  ReferenceValues(const Graph& reference, const std::vector<ValueId>& watched, const SampleSource& samples,
                  std::size_t memory);

  /// Runs of the network that are kept.
  std::size_t samples() const noexcept { return inputs_.size(); }

  /// Runs another network on the same inputs and compares its values with those of the reference. `names`: pairs of the name there
  /// and here. The outputs that are judged are compared too, under their own names. Values that do not appear are left out.
  std::map<std::string, ValueError> compare(
      const std::shared_ptr<const Program>& program,
      const std::vector<std::pair<std::string, std::string>>& names) const;

  /// Mean over the judged outputs of noise over signal.
  double output_noise(const std::map<std::string, ValueError>& errors) const;

  /// What limits, one or one per channel, cut off of a watched value; nothing where there are none.
  Saturation saturation(ValueId value, const std::vector<QuantizationRange>& limits) const;

  /// A watched value against itself: its extremes per channel.
  ValueError extremes(ValueId value) const;

 private:
  struct Watched {
    std::size_t channels = 1, inner = 1;
    std::vector<std::vector<float>> runs;
  };
  class Keeper;
  class Comparer;

  Watched shape_of(const Graph& graph, ValueId id) const;

  std::vector<std::string> outputs_;       ///< that are judged
  std::map<std::string, Watched> values_;  ///< by name
  std::map<ValueId, std::string> names_;
  std::vector<std::vector<std::vector<float>>> inputs_;  ///< [run][input]
};

}  // namespace refcalib::engine
