#pragma once

#include <string_view>

namespace refcalib::engine {

/// How the names of the FakeQuantize layers end that calibration puts behind values and in front of weights.
inline constexpr std::string_view kActivationSuffix = "/fq";
inline constexpr std::string_view kWeightSuffix = "/weights_fq";

/// True for such a name, possibly with the number that made it unique. Those layers say how to store a value; other FakeQuantize layers
/// are what the network was trained or converted to compute.
inline bool is_calibrated_name(std::string_view name) noexcept {
  const std::size_t digits = name.find_last_not_of("0123456789");
  if (digits != std::string_view::npos && name[digits] == '_' && digits + 1 < name.size())
    name = name.substr(0, digits);
  return name.ends_with(kActivationSuffix) || name.ends_with(kWeightSuffix);
}

}  // namespace refcalib::engine
