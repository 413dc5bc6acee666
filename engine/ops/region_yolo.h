#pragma once

#include <cstdint>
#include <vector>

#include "engine/graph/attributes.h"

namespace refcalib::engine {

/// "RegionYolo": input [N, n * (coords + 1 + classes), H, W], n anchors. Of every anchor the first two channels
/// (centre) and the objectness behind the `coords` go through the logistic function; the classes too, or through
/// a softmax if `do_softmax`. With do_softmax the dimensions axis to end_axis become one.
struct RegionYoloAttributes {
  std::int64_t classes = 0, coords = 4, num = 0;
  bool do_softmax = true;
  std::vector<std::int64_t> mask;  ///< without do_softmax: as many anchors as the mask has entries
  std::int64_t axis = 1, end_axis = -1;

  template <class V>
  void visit(V& v) {
    v("classes", classes);
    v("coords", coords);
    v("num", num);
    v("do_softmax", do_softmax);
    v("mask", mask);
    v("axis", axis);
    v("end_axis", end_axis);
  }
};

}  // namespace refcalib::engine
