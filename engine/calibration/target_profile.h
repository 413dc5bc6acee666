#pragma once

#include <refcalib/types.hpp>
#include <string>
#include <vector>

namespace refcalib::engine {

/// What integers the machine that a model is made for can compute with. The defaults are what refcalib's own kernels can: anything.
struct TargetProfile {
  std::string name = "vnni";
  std::string description;
  bool symmetric = true, asymmetric = true;  ///< schemes of activations that it has; at least one
  bool signed_activations =
      false;  ///< s8 with zero point 0 under the symmetric scheme, also for data of one sign
  bool power_of_two_activations = false;  ///< scales of activations are powers of two; needs symmetric
  int weight_bits = 8;                    ///< 2 to 8, in [-(2^(bits-1) - 1), 2^(bits-1) - 1]
  bool power_of_two_weights = false;
  bool per_channel_weights = true, per_tensor_weights = true;  ///< at least one
  std::vector<std::string> float_types;  ///< patterns of types of layers that it runs in float

  /// The integers of activations.
  Levels activation_levels() const noexcept { return signed_activations ? kInt8 : kUint8; }
  /// The largest magnitude of a weight's integer.
  int weight_steps() const noexcept { return (1 << (weight_bits - 1)) - 1; }
};

/// A profile by the name of a built-in one, or from a file, if `name` ends in .json or has a folder in it. Throws UsageError for an unknown
/// name, IoError for a file that cannot be read, FormatError naming line or field of one that is no profile.
TargetProfile load_target(const std::string& name);

/// Reads a profile; `file` is for messages. Throws FormatError.
TargetProfile parse_target(const std::string& text, const std::string& file);

/// Names of the profiles that are built in (engine/calibration/targets).
std::vector<std::string> built_in_targets();

}  // namespace refcalib::engine
