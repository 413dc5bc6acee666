#pragma once

#include <refcalib/threshold.hpp>
#include <string>
#include <string_view>

namespace refcalib::engine {

/// A threshold method with its parameters.
struct MethodSpec {
  const ThresholdMethod* method =
      nullptr;  ///< nullptr: chosen for each tensor by trying (automatic_ranges.h)
  ThresholdOptions options;

  bool automatic() const noexcept { return method == nullptr; }
  std::string name() const { return automatic() ? "auto" : std::string(method->name); }
};

/// Reads what users write: `NAME`, `NAME:VALUE` for the main parameter of a method, `NAME:KEY=VALUE,KEY=VALUE`; NAME is one of the
/// toolkit's threshold table or `auto`. What is not said is as in `defaults`. Throws UsageError naming what cannot be read, what would be
/// accepted and, for a misspelt name, the nearest.
MethodSpec parse_method(std::string_view text, const ThresholdOptions& defaults = {});

/// Every method with its parameters and their defaults, one line each, for help texts.
std::string describe_methods();

}  // namespace refcalib::engine
