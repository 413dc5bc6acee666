#pragma once

#include <cstdint>
#include <vector>

#include "engine/graph/attributes.h"

namespace refcalib::engine {

/// "PriorBox": inputs grid [2] = height, width of the feature map; image [2] = height, width (both constant).
/// Output [2, grid height * grid width * P * 4]: boxes as shares of the image (x1, y1, x2, y2), variances.
struct PriorBoxAttributes {
  std::vector<float> min_size, max_size, aspect_ratio, fixed_size, fixed_ratio, density;
  std::vector<float> variance;  ///< 0, 1 or 4 values; none means 0.1
  double step = 0;              ///< pixels from cell to cell; 0: image / grid, with centres at 0.5
  double offset = 0.5;          ///< of the first centre, in steps
  bool flip = false;            ///< each ratio also as its inverse
  bool clip = false;
  bool scale_all_sizes = true;              ///< ratios apply to every min_size, not only to the first
  bool min_max_aspect_ratios_order = true;  ///< boxes of a cell: min, max, ratios; else min, ratios, max

  template <class V>
  void visit(V& v) {
    v("min_size", min_size);
    v("max_size", max_size);
    v("aspect_ratio", aspect_ratio);
    v("fixed_size", fixed_size);
    v("fixed_ratio", fixed_ratio);
    v("density", density);
    v("variance", variance);
    v("step", step);
    v("offset", offset);
    v("flip", flip);
    v("clip", clip);
    v("scale_all_sizes", scale_all_sizes);
    v("min_max_aspect_ratios_order", min_max_aspect_ratios_order);
  }
};

/// "PriorBoxClustered": inputs and output as PriorBox; one box per pair of width and height, in pixels.
struct PriorBoxClusteredAttributes {
  std::vector<float> width, height;
  std::vector<float> variance;    ///< as PriorBox
  double step_w = 0, step_h = 0;  ///< 0: image / grid
  double img_w = 0, img_h = 0;    ///< size of the image instead of the second input's; 0: that one
  double offset = 0.5;
  bool clip = true;

  template <class V>
  void visit(V& v) {
    v("width", width);
    v("height", height);
    v("variance", variance);
    v("step_w", step_w);
    v("step_h", step_h);
    v("img_w", img_w);
    v("img_h", img_h);
    v("offset", offset);
    v("clip", clip);
  }
};

}  // namespace refcalib::engine
