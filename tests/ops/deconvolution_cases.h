#pragma once

#include <vector>

#include "tests/ops/network.h"

namespace refcalib_test {

/// A transposed convolution of x [N, C, …] with weights [groups, C/groups, OC/groups, kernel…].
struct DeconvolutionCase {
  const char* what;
  Shape x, w;
  std::vector<std::int64_t> strides, dilations, begin, end;

  ConvolutionAttributes attributes() const {
    ConvolutionAttributes a;
    a.strides = strides;
    a.dilations = dilations;
    a.pads_begin = begin;
    a.pads_end = end;
    return a;
  }
};

inline const std::vector<DeconvolutionCase>& deconvolution_cases() {
  static const std::vector<DeconvolutionCase> all = {
      {"one value", {1, 1, 1, 1}, {1, 1, 1, 1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
      {"doubling, 4x4", {1, 5, 4, 5}, {1, 5, 3, 4, 4}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
      {"doubling, 2x2, batch 2", {2, 17, 3, 3}, {1, 17, 33, 2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}},
      {"3x3, output padding", {1, 8, 5, 4}, {1, 8, 16, 3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 0}},
      {"stride 1", {1, 3, 6, 5}, {1, 3, 17, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
      {"from one pixel", {2, 40, 1, 1}, {1, 40, 24, 4, 4}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
      {"strides differ", {1, 4, 3, 6}, {1, 4, 6, 3, 5}, {3, 1}, {1, 1}, {0, 2}, {0, 1}},
      {"pads differ", {1, 6, 4, 4}, {1, 6, 5, 5, 5}, {2, 3}, {1, 1}, {3, 0}, {1, 2}},
      {"longer than what the inputs reach", {1, 3, 3, 3}, {1, 3, 5, 2, 2}, {2, 2}, {1, 1}, {0, -1}, {-3, -2}},
      {"stride beyond the kernel", {1, 5, 3, 4}, {1, 5, 17, 2, 1}, {3, 2}, {1, 1}, {0, 1}, {-1, 0}},
      {"dilated, stride 1", {1, 5, 5, 5}, {1, 5, 7, 3, 3}, {1, 1}, {2, 3}, {1, 2}, {1, 2}},
      {"dilated, stride 2", {1, 5, 5, 4}, {1, 5, 7, 3, 3}, {2, 2}, {2, 3}, {1, 2}, {1, 0}},
      {"dilation and stride with a common factor",
       {1, 3, 4, 4},
       {1, 3, 5, 4, 3},
       {4, 6},
       {6, 4},
       {2, 1},
       {0, 3}},
      {"3 groups of 2 to 5", {1, 6, 4, 4}, {3, 2, 5, 4, 4}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
      {"depthwise bilinear", {2, 21, 4, 5}, {21, 1, 1, 4, 4}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
      {"depthwise, factor 8", {1, 33, 3, 2}, {33, 1, 1, 16, 16}, {8, 8}, {1, 1}, {4, 4}, {4, 4}},
      {"depthwise, stride beyond the kernel",
       {1, 17, 3, 3},
       {17, 1, 1, 1, 2},
       {2, 3},
       {1, 1},
       {0, 0},
       {0, -1}},
      {"depthwise with multiplier 3", {1, 5, 4, 4}, {5, 1, 3, 3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 1}},
      {"one dimension", {2, 5, 7}, {1, 5, 17, 4}, {2}, {1}, {1}, {1}},
      {"one dimension, groups", {1, 6, 9}, {2, 3, 4, 5}, {3}, {1}, {0}, {2}},
      {"three dimensions", {1, 5, 3, 2, 4}, {1, 5, 17, 2, 3, 4}, {2, 1, 2}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}},
      {"three dimensions, depthwise",
       {1, 3, 2, 3, 3},
       {3, 1, 1, 4, 4, 4},
       {2, 2, 2},
       {1, 1, 1},
       {1, 1, 1},
       {1, 1, 1}}};
  return all;
}

}  // namespace refcalib_test
