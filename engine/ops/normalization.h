#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace refcalib::engine {

/// "Normalize": one input, vectors over the axes (in any order, possibly negative; none: each element by itself) are
/// normalized. method:
///   mean_variance              (x - mean) / sqrt(variance + eps), population variance
///   mean_variance_eps_outside  (x - mean) / (sqrt(variance) + eps)
///   mean                       x - mean
///   l2                         x / sqrt(sum of squares + eps)
///   l2_eps_maximum             x / sqrt(max(sum of squares, eps))
struct NormalizeAttributes {
  std::string method = "mean_variance";
  std::vector<std::int64_t> axes;
  double eps = 0;

  template <class V>
  void visit(V& v) {
    v("method", method);
    v("axes", axes);
    v("eps", eps);
  }
};

/// "Lrn": y = x / (bias + alpha / size^|axes| * s)^beta, s the sum of x^2 over a window of `size` elements along each
/// of the axes, (size - 1) / 2 of them in front and as many behind, clipped at the borders.
struct LrnAttributes {
  std::vector<std::int64_t> axes;
  double alpha = 1, beta = 1, bias = 1;
  std::int64_t size = 1;

  template <class V>
  void visit(V& v) {
    v("axes", axes);
    v("alpha", alpha);
    v("beta", beta);
    v("bias", bias);
    v("size", size);
  }
};

}  // namespace refcalib::engine
