#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "engine/runtime/program.h"
#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace refcalib_test {

using Values = std::vector<float>;

inline Values random_values(std::size_t count, std::uint64_t seed, float low = -2, float high = 2) {
  Random random(seed);
  Values values(count);
  random.fill_real(values, low, high);
  return values;
}

using Function = std::function<double(double)>;

inline Values mapped(const Values& x, const Function& f) {
  Values y;
  for (const float v : x) y.push_back(static_cast<float>(f(static_cast<double>(v))));
  return y;
}

/// The outputs of a layer, run in FP32 as it is read.
inline std::vector<Values> run(const OneLayer& layer, const std::vector<Values>& inputs) {
  using namespace refcalib::engine;
  CompileOptions options = default_options();
  options.int8 = false;
  Session session(Program::compile(layer.graph(), options), 1);
  REQUIRE(session.program().inputs().size() == inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    REQUIRE(session.input(i).size() == inputs[i].size());
    std::copy(inputs[i].begin(), inputs[i].end(), session.input(i).begin());
  }
  session.run();
  std::vector<Values> outputs;
  for (std::size_t i = 0; i < session.program().outputs().size(); ++i)
    outputs.emplace_back(session.output(i).begin(), session.output(i).end());
  return outputs;
}

/// True if no element is farther from the expected one than the tolerance, as a part of it where that is above 1; NaN equals NaN.
inline bool near(const Values& actual, const Values& expected, double tolerance = 2e-5) {
  if (actual.size() != expected.size()) return false;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = static_cast<double>(actual[i]), e = static_cast<double>(expected[i]);
    if (std::isnan(a) && std::isnan(e)) continue;
    if (!(std::fabs(a - e) <= tolerance * std::fmax(1.0, std::fabs(e)))) return false;
  }
  return true;
}

}  // namespace refcalib_test
