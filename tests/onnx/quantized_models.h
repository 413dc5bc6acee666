#pragma once

#include <vector>

#include "tests/onnx/operator_cases.h"

namespace refcalib_test {

/// Models in the QDQ format and of QLinear operators. expected.txt holds what ONNX Runtime gives for them.
std::vector<OperatorCase> quantized_models();

}  // namespace refcalib_test
