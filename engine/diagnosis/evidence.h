#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/diagnosis/channel_error.h"
#include "engine/diagnosis/layer_change.h"

namespace refcalib::engine {

/// The parts of a change of one layer that can be to blame.
enum class Part { weights, bias, value };

/// What is known of one layer when a reason is looked for.
struct Evidence {
  const LayerChange* change = nullptr;
  Part part = Part::value;  ///< the one that moves the outputs of the network most
  /// Its value with the part in place and inputs in float, against the float network; of Part::value as it is stored.
  ValueError error;
  /// Share of the stored value's error that lies outside the limits.
  double clipped_share = 0;
  std::vector<float>
      bias_shift;  ///< bias of the INT8 model less that of the float one, one per output channel
  std::vector<double> weight_reach;  ///< largest magnitude of the float weights of each output channel
  double clipped_weights =
      0;  ///< share of the float weights that the INT8 ones do not reach by more than a step
};

/// Why a layer loses precision.
struct Finding {
  std::string reason;  ///< one of those of reasons()
  std::string detail;  ///< numbers that show it, in words
  std::optional<std::size_t> channel;
};

/// One kind of trouble. A new one is a function and a row in the table.
struct Reason {
  const char* name;
  Part part;
  std::optional<Finding> (*find)(const Evidence& evidence);
  std::vector<std::string>
      remedies;  ///< names of those of remedies() that are worth a trial, the likeliest first
};

/// All of them; for each part the first one that fits is taken, the last one of a part fits always.
const std::vector<Reason>& reasons();

/// The first reason that fits, with what to try.
struct Verdict {
  Finding finding;
  std::vector<std::string> remedies;
};
Verdict judge(const Evidence& evidence);

}  // namespace refcalib::engine
