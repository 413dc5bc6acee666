#pragma once

// Rounding of weights that looks at what a layer does with them: integers are chosen, one coordinate after the other, so that the
// layer's outputs on given inputs move least (integer coordinate descent in the metric of the inputs' Gram matrix, as in COMQ, Zhang et
// al. 2024; no randomness, so the same input gives the same bits).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

namespace refcalib {

/// A symmetric positive definite matrix [n][n] as its Cholesky factor.
class Cholesky {
 public:
  /// Throws std::invalid_argument if the matrix is not square or not positive definite.
  Cholesky(std::span<const double> matrix, std::size_t n) : n_(n), lower_(matrix.begin(), matrix.end()) {
    if (matrix.size() != n * n) throw std::invalid_argument("Cholesky: the matrix is not square");
    for (std::size_t i = 0; i < n; ++i) {
      double* const row = &lower_[i * n];
      for (std::size_t j = 0; j <= i; ++j) {
        const double* const other = &lower_[j * n];
        double sum = row[j];
        for (std::size_t k = 0; k < j; ++k) sum -= row[k] * other[k];
        if (j < i) {
          row[j] = sum / other[j];
          continue;
        }
        if (!(sum > 0)) throw std::invalid_argument("Cholesky: the matrix is not positive definite");
        row[i] = std::sqrt(sum);
      }
    }
  }

  /// The solution of matrix * x = right, in place.
  void solve(std::span<double> right) const {
    for (std::size_t i = 0; i < n_; ++i) {
      double sum = right[i];
      for (std::size_t k = 0; k < i; ++k) sum -= lower_[i * n_ + k] * right[k];
      right[i] = sum / lower_[i * n_ + i];
    }
    for (std::size_t i = n_; i-- > 0;) {
      right[i] /= lower_[i * n_ + i];
      for (std::size_t k = 0; k < i; ++k) right[k] -= lower_[i * n_ + k] * right[i];
    }
  }

 private:
  std::size_t n_;
  std::vector<double> lower_;
};

/// The error of a row of weights against a target in the metric of a matrix: (w - t)' H (w - t).
[[nodiscard]] inline double quadratic_error(std::span<const double> metric,
                                            std::span<const double> difference) {
  const std::size_t n = difference.size();
  double error = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < n; ++j) sum += metric[i * n + j] * difference[j];
    error += difference[i] * sum;
  }
  return error;
}

/// Chooses integers q in [-limit, limit] that make (q * steps - target)' metric (q * steps - target) small: starts from the nearest ones
/// and visits the coordinates in turn, each time taking the best integer with all others fixed, until nothing changes or `sweeps` are
/// over. The error never exceeds that of the nearest integers.
/// `metric`: [n][n], symmetric, with a positive diagonal; `steps`: [n], positive; `fixed`: coordinates that keep the nearest integer
/// (empty: none). Throws std::invalid_argument if sizes do not fit.
[[nodiscard]] inline std::vector<int> round_in_metric(std::span<const double> metric,
                                                      std::span<const double> target,
                                                      std::span<const double> steps, int limit,
                                                      int sweeps = 8, const std::vector<bool>& fixed = {}) {
  const std::size_t n = target.size();
  if (metric.size() != n * n || steps.size() != n || (!fixed.empty() && fixed.size() != n))
    throw std::invalid_argument("round_in_metric: sizes do not fit");
  const auto nearest = [&](double value, std::size_t k) {
    return static_cast<int>(std::clamp(std::nearbyint(value / steps[k]), -static_cast<double>(limit),
                                       static_cast<double>(limit)));
  };
  std::vector<int> q(n);
  std::vector<double> gradient(n, 0.0);  // metric * (q * steps - target)
  const auto move = [&](std::size_t k, double change) {
    const double* const row = &metric[k * n];
    for (std::size_t j = 0; j < n; ++j) gradient[j] += row[j] * change;
  };
  for (std::size_t k = 0; k < n; ++k) {
    q[k] = nearest(target[k], k);
    move(k, q[k] * steps[k] - target[k]);
  }
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    bool changed = false;
    for (std::size_t k = 0; k < n; ++k) {
      if (!fixed.empty() && fixed[k]) continue;
      const int best = nearest(q[k] * steps[k] - gradient[k] / metric[k * n + k], k);
      if (best == q[k]) continue;
      move(k, (best - q[k]) * steps[k]);
      q[k] = best;
      changed = true;
    }
    if (!changed) break;
  }
  return q;
}

}  // namespace refcalib
