#include "engine/calibration/method_spec.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>

#include "engine/calibration/name_pattern.h"
#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

/// A parameter of a method as users name it.
struct Parameter {
  std::string_view method, key;
  bool whole;  ///< takes whole numbers only
  double (*get)(const ThresholdOptions&);
  void (*set)(ThresholdOptions&, double);
};

/// The row of a parameter: a member of a member of ThresholdOptions.
template <auto part, auto member>
constexpr Parameter row(std::string_view method, std::string_view key) {
  using Value = std::remove_cvref_t<decltype(std::declval<ThresholdOptions>().*part.*member)>;
  return {method, key, !std::is_same_v<Value, double>,
          [](const ThresholdOptions& o) { return static_cast<double>(o.*part.*member); },
          [](ThresholdOptions& o, double value) { o.*part.*member = static_cast<Value>(value); }};
}

/// THE TABLE of parameters; the first of a method is its main one.
constexpr std::array kParameters{
    row<&ThresholdOptions::moving_average, &MovingAverageOptions::constant>("moving-average", "constant"),
    row<&ThresholdOptions::percentile, &PercentileOptions::percent>("percentile", "percent"),
    row<&ThresholdOptions::image_percentile, &ImagePercentileOptions::percent>("image-percentile", "percent"),
    row<&ThresholdOptions::image_percentile, &ImagePercentileOptions::interpolate>("image-percentile",
                                                                                   "interpolate"),
    row<&ThresholdOptions::kl, &KlOptions::bins>("kl", "bins"),
    row<&ThresholdOptions::kl, &KlOptions::levels>("kl", "levels"),
    row<&ThresholdOptions::kl, &KlOptions::step>("kl", "step"),
    row<&ThresholdOptions::kl, &KlOptions::smoothing>("kl", "smoothing"),
    row<&ThresholdOptions::mse, &MseOptions::scales>("mse", "scales"),
    row<&ThresholdOptions::mse, &MseOptions::step>("mse", "step"),
    row<&ThresholdOptions::octav, &OctavOptions::iterations>("octav", "iterations"),
    row<&ThresholdOptions::octav, &OctavOptions::tolerance>("octav", "tolerance"),
};

[[noreturn]] void reject(std::string_view text, const std::string& why) {
  throw UsageError("method '" + std::string(text) + "': " + why);
}

const ThresholdMethod& method_named(std::string_view text, const std::string& name) {
  std::set<std::string> names{"auto"};
  std::string known;
  for (const ThresholdMethod& method : threshold_methods()) {
    if (method.name == name) return method;
    names.emplace(method.name);
    known += std::string(method.name) + ", ";
  }
  const std::string nearest = nearest_name(name, names);
  reject(text, "unknown threshold method '" + name + "'" +
                   (nearest.empty() ? "" : " (is '" + nearest + "' meant?)") + "; known: " + known + "auto");
}

double number(std::string_view text, const Parameter& parameter, std::string_view value) {
  double x = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), x);
  const double largest = std::numeric_limits<std::int32_t>::max();
  const bool fits = !parameter.whole || (std::nearbyint(x) == x && std::abs(x) <= largest);
  if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(x) || !fits)
    reject(text, "'" + std::string(value) + "' is no " + (parameter.whole ? "whole " : "") + "number for " +
                     std::string(parameter.key));
  return x;
}

/// `item`: KEY=VALUE, or VALUE for the main parameter.
void assign(std::string_view text, std::string_view item, MethodSpec& spec) {
  const std::size_t equals = item.find('=');
  const std::string_view key = equals == std::string_view::npos ? "" : item.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? item : item.substr(equals + 1);
  std::string known;
  for (const Parameter& parameter : kParameters) {
    if (parameter.method != spec.name()) continue;
    if (key.empty() || key == parameter.key)
      return parameter.set(spec.options, number(text, parameter, value));
    known += (known.empty() ? "" : ", ") + std::string(parameter.key);
  }
  if (known.empty()) reject(text, "'" + spec.name() + "' has no parameters");
  reject(text, "unknown parameter '" + std::string(key) + "'; '" + spec.name() + "' has " + known);
}

/// Values out of range are found by the method itself.
void check_options(std::string_view text, const MethodSpec& spec) {
  try {
    static_cast<void>(spec.method->search(Histogram(), kUint8, Scheme::symmetric, spec.options));
  } catch (const std::invalid_argument& error) {
    reject(text, error.what());
  }
}

}  // namespace

MethodSpec parse_method(std::string_view text, const ThresholdOptions& defaults) {
  const std::size_t colon = text.find(':');
  const std::string name(text.substr(0, colon));
  MethodSpec spec;
  spec.options = defaults;
  if (name != "auto") spec.method = &method_named(text, name);
  if (colon != std::string_view::npos) {
    std::string_view rest = text.substr(colon + 1);
    while (true) {
      const std::size_t comma = rest.find(',');
      assign(text, rest.substr(0, comma), spec);
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  if (!spec.automatic()) check_options(text, spec);
  return spec;
}

std::string describe_methods() {
  std::ostringstream out;
  for (const ThresholdMethod& method : threshold_methods()) {
    out << method.name;
    const char* separator = ":";
    for (const Parameter& parameter : kParameters)
      if (parameter.method == method.name) {
        out << separator << parameter.key << '=' << parameter.get({});
        separator = ",";
      }
    out << '\n';
  }
  out << "auto\n";
  return out.str();
}

}  // namespace refcalib::engine
