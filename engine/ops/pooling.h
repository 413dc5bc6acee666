#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/shape.h"

namespace refcalib::engine {

/// "Pooling" over the spatial dimensions of x [N, C, spatial…].
/// method: max | avg.
/// rounding: floor | ceil | ceil_clipped (legacy and ceil_torch: a last window that would start behind input plus begin pad
/// is dropped; legacy applies this rule with floor too, which never changes the result there).
/// exclude_pad: average divides by the number of cells inside the image; otherwise by the window clipped to
/// input + begin pad (clip_divisor, legacy) or by the whole kernel.
/// bins: not empty for adaptive pooling, where it is the size of the output: window o of an axis is [floor(o * I / O), ceil((o + 1) * I / O)),
/// and kernel, strides, dilations, pads and rounding are not used.
struct PoolingAttributes {
  std::string method = "max";
  std::vector<std::int64_t> kernel, strides, dilations, pads_begin, pads_end;
  std::string rounding = "floor";
  bool exclude_pad = true;
  bool clip_divisor = false;
  std::vector<std::int64_t> bins;

  template <class V>
  void visit(V& v) {
    v("method", method);
    v("kernel", kernel);
    v("strides", strides);
    v("dilations", dilations);
    v("pads_begin", pads_begin);
    v("pads_end", pads_end);
    v("rounding", rounding);
    v("exclude_pad", exclude_pad);
    v("clip_divisor", clip_divisor);
    v("bins", bins);
  }
};

/// "PoolingIndices": where in x the maxima of "Pooling" with the same windows lie: positions in the row-major order of the dimensions from
/// `axis` on, the first one where several are equal; 0 for a window that is empty or holds nothing but NaN. index_type: i32 | i64.
struct PoolingIndicesAttributes {
  PoolingAttributes pooling;
  std::int64_t axis = 0;
  std::string index_type = "i64";

  template <class V>
  void visit(V& v) {
    pooling.visit(v);
    v("axis", axis);
    v("index_type", index_type);
  }
};

/// Output shape of a pooling of x [N, C, spatial…]. Throws FormatError.
Shape pooled_shape(const PoolingAttributes& attributes, const Shape& x);

/// Cells [begin, end) of bin `o` of adaptive pooling from `in` cells to `out` bins.
struct PoolingBin {
  std::int64_t begin, end;
};
PoolingBin pooling_bin(std::int64_t o, std::int64_t in, std::int64_t out);

/// Windows along spatial axis `d` of size `in`. Throws FormatError if not one fits.
std::int64_t pooled_size(const PoolingAttributes& attributes, std::size_t d, std::int64_t in);

/// "Reduce": input x, constant axes as attribute (normalised to >= 0). operation: mean | sum | max | min | prod | l1 | l2 |
/// sum_square | log_sum | log_sum_exp.
struct ReduceAttributes {
  std::string operation = "mean";
  std::vector<std::int64_t> axes;
  bool keep_dims = false;

  template <class V>
  void visit(V& v) {
    v("operation", operation);
    v("axes", axes);
    v("keep_dims", keep_dims);
  }
};

}  // namespace refcalib::engine
