#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/core/shape.h"

namespace refcalib_test {

/// What ONNX Runtime gives for one output of a case.
struct Expected {
  refcalib::engine::Shape shape;
  std::vector<float> values;
};

/// expected.txt by the names of the cases: a line "case|output|dimensions|values" for each output, as run_cases.mjs writes them.
std::map<std::string, std::vector<Expected>> read_expected();

}  // namespace refcalib_test
