#pragma once

#include <cstdint>
#include <vector>

#include "engine/kernels/resize/resize.h"
#include "engine/ops/op.h"
#include "engine/ops/resize.h"

namespace refcalib::engine {

/// Shape inference of both resizing operations. Throws FormatError for attributes that do not fit.
std::vector<OutputType> infer_resize(const Attributes& attributes, const OpInputs& in);

/// The input index that each output index of one dimension shows (mode nearest).
std::vector<std::int64_t> nearest_indices(const ResizeAttributes& a, std::size_t dim, std::int64_t in);

/// The weighted input indices that each output index of one dimension is made of (all other modes). Indices without weight are left
/// out; at least one is kept. Weights are computed in f32 as the opset's reference implementation does.
class ResizeTaps {
 public:
  ResizeTaps(const ResizeAttributes& a, std::size_t dim, std::int64_t in);
  /// A dimension that stays as it is.
  explicit ResizeTaps(std::int64_t extent);
  /// Pointers into this object.
  kernels::ResizeAxis axis() const noexcept;

 private:
  void add(std::int64_t index, float weight);
  void close(bool normalise);
  void add_area(std::int64_t o, std::int64_t out);
  void add_triangle(const ResizeAttributes& a, float scale, float at);
  void add_pair(float at);
  void add_cubic(float at, float coefficient);
  void add_resampled_cubic(const ResizeAttributes& a, float scale, float at);
  void add_pillow(const ResizeAttributes& a, float scale, std::int64_t o);

  std::vector<std::int64_t> first_{0}, index_;
  std::vector<float> weight_;
  std::int64_t in_ = 1;
};

}  // namespace refcalib::engine
