#pragma once

#include <cstdint>
#include <vector>

#include "engine/graph/attributes.h"

namespace refcalib::engine {

/// "Proposal": inputs scores [N, 2A, H, W] (background, then foreground), deltas [N, 4A, H, W], image information
/// of 3 or 4 numbers (height, width, scale [of the height, scale of the width]); A = ratios * scales. Outputs
/// regions [N * post_nms_topn, 5] (batch, x1, y1, x2, y2) and, if asked for, their scores [N * post_nms_topn].
/// Missing rows are 0; the first of them has the batch -1.
struct ProposalAttributes {
  std::int64_t base_size = 16, min_size = 16, feat_stride = 16, pre_nms_topn = 6000, post_nms_topn = 300;
  double nms_thresh = 0.7, box_coordinate_scale = 1, box_size_scale = 1;
  std::vector<float> ratio, scale;
  bool normalize = false;  ///< regions as shares of the image
  bool clip_before_nms = true, clip_after_nms = false;
  bool tensorflow = false;  ///< framework; else Caffe
  bool scores = false;      ///< the second output is there
  /// As SimplerNMS: scores up to 0 and boxes that are too small give no region, of equal scores the last comes first, and the numbers of
  /// the image information are cut to integers.
  bool simpler_nms = false;

  template <class V>
  void visit(V& v) {
    v("base_size", base_size);
    v("min_size", min_size);
    v("feat_stride", feat_stride);
    v("pre_nms_topn", pre_nms_topn);
    v("post_nms_topn", post_nms_topn);
    v("nms_thresh", nms_thresh);
    v("box_coordinate_scale", box_coordinate_scale);
    v("box_size_scale", box_size_scale);
    v("ratio", ratio);
    v("scale", scale);
    v("normalize", normalize);
    v("clip_before_nms", clip_before_nms);
    v("clip_after_nms", clip_after_nms);
    v("tensorflow", tensorflow);
    v("scores", scores);
    v("simpler_nms", simpler_nms);
  }
};

}  // namespace refcalib::engine
