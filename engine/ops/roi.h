#pragma once

#include <cstdint>
#include <string>

#include "engine/graph/attributes.h"

namespace refcalib::engine {

/// "RoiPooling": inputs features [N, C, H, W], regions [R, 5] (batch, x1, y1, x2, y2; pixels for max, shares of the
/// image for bilinear). Output [R, C, pooled_h, pooled_w]. A region with the batch -1 ends the list; the output of
/// that and of all later regions is 0.
struct RoiPoolingAttributes {
  std::int64_t pooled_h = 0, pooled_w = 0;
  double spatial_scale = 1;
  bool bilinear = false;  ///< method; else max

  template <class V>
  void visit(V& v) {
    v("pooled_h", pooled_h);
    v("pooled_w", pooled_w);
    v("spatial_scale", spatial_scale);
    v("bilinear", bilinear);
  }
};

/// "PsRoiPooling": inputs and regions as RoiPooling; every bin reads channels of its own. Output
/// [R, output_dim, group_size, group_size]. average: output_dim * group_size^2 input channels; bilinear:
/// output_dim * spatial_bins_x * spatial_bins_y.
struct PsRoiPoolingAttributes {
  std::int64_t output_dim = 0, group_size = 1, spatial_bins_x = 1, spatial_bins_y = 1;
  double spatial_scale = 1;
  bool bilinear = false;  ///< mode; else average

  template <class V>
  void visit(V& v) {
    v("output_dim", output_dim);
    v("group_size", group_size);
    v("spatial_bins_x", spatial_bins_x);
    v("spatial_bins_y", spatial_bins_y);
    v("spatial_scale", spatial_scale);
    v("bilinear", bilinear);
  }
};

/// "RoiAlign": inputs features [N, C, H, W], regions [R, 4] (x1, y1, x2, y2), batch of each region [R]. Output
/// [R, C, pooled_h, pooled_w].
struct RoiAlignAttributes {
  std::int64_t pooled_h = 0, pooled_w = 0;
  std::int64_t sampling_ratio = 0;  ///< samples of a bin along each axis; 0: as many as it has pixels
  double spatial_scale = 1;
  bool max = false;                         ///< mode; else avg
  std::string aligned_mode = "asymmetric";  ///< | half_pixel_for_nn | half_pixel

  template <class V>
  void visit(V& v) {
    v("pooled_h", pooled_h);
    v("pooled_w", pooled_w);
    v("sampling_ratio", sampling_ratio);
    v("spatial_scale", spatial_scale);
    v("max", max);
    v("aligned_mode", aligned_mode);
  }
};

}  // namespace refcalib::engine
