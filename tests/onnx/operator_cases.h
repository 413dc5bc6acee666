#pragma once

#include <string>
#include <vector>

#include "tests/onnx/model_builder.h"

namespace refcalib_test {

/// A model of one operator, or of a few that belong together.
struct OperatorCase {
  std::string name;
  OnnxModel model;
};

/// Cases of every operator that is read, in each of its forms. expected.txt holds what ONNX Runtime gives for them.
std::vector<OperatorCase> operator_cases();

/// The numbers that every case is fed.
inline float case_input(std::size_t index) {
  return static_cast<float>(static_cast<int>((index * 37 + 11) % 23) - 11) / 4.0F;
}

}  // namespace refcalib_test
