#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/shape.h"

namespace refcalib::engine {

/// "ResizeNearest" (mode nearest, any rank and element type) and "Resize" (all other modes, over the spatial dimensions of x
/// [N, C, spatial…]), after Interpolate-4/-11 of the opsets:
///
/// mode: nearest | linear (a triangle of weights, renormalised at the borders) | linear_onnx (two neighbours) | cubic (four, with
/// `cube_coeff`) | bilinear_pillow | bicubic_pillow (filters that widen with the reduction, as in Pillow).
/// coordinates: half_pixel | pytorch_half_pixel | asymmetric | tf_half_pixel_for_nn | align_corners | resample (half_pixel as the
/// legacy Resample computes it: o * (in / out) + (in / out) / 2 - 0.5). Pillow modes have their own.
/// nearest_mode: round_prefer_floor | round_prefer_ceil | floor | ceil | simple (ceil when reducing, else towards zero).
/// antialias: the triangle of `linear` widens with the reduction.
/// shape: of the output, in full; scale: output over input per dimension, as the coordinates use it.
struct ResizeAttributes {
  std::string mode = "nearest";
  std::string coordinates = "half_pixel";
  std::string nearest_mode = "round_prefer_floor";
  bool antialias = false;
  double cube_coeff = -0.75;
  Shape shape;
  std::vector<float> scale;

  template <class V>
  void visit(V& v) {
    v("mode", mode);
    v("coordinates", coordinates);
    v("nearest_mode", nearest_mode);
    v("antialias", antialias);
    v("cube_coeff", cube_coeff);
    v("shape", shape);
    v("scale", scale);
  }
};

}  // namespace refcalib::engine
