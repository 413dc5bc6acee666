#pragma once

// Rounding of weights that looks at what a layer does with them: integers are chosen, one coordinate after the other, so that the
// layer's outputs on given inputs move least, in the metric of the inputs' Gram matrix. Two searches: the nearest plane, in which each
// coordinate makes up for those that were rounded before (Babai 1986; of weights: GPTQ, Frantar et al. 2022), and coordinate descent, in
// which each looks at all others (COMQ, Zhang et al. 2024). No randomness, so the same input gives the same bits.

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

  std::size_t size() const noexcept { return n_; }
  /// Row `i` of the factor L, of which matrix = L L': its elements up to the diagonal.
  std::span<const double> row(std::size_t i) const { return std::span(lower_).subspan(i * n_, i + 1); }

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

namespace detail {

/// The integer in [-limit, limit] with which integer * step is nearest to a value.
inline int nearest_integer(double value, double step, int limit) {
  return static_cast<int>(
      std::clamp(std::nearbyint(value / step), -static_cast<double>(limit), static_cast<double>(limit)));
}

}  // namespace detail

/// Chooses integers q in [-limit, limit] from the last coordinate to the first. Each takes the integer nearest to its target moved by what
/// the coordinates behind it were rounded by, as far as the metric says that it can make up for them: the exact optimum over reals of the
/// coordinates that are still open. Often far better than the nearest integers where inputs are correlated, but not always, since limits
/// and the last coordinates to be chosen leave errors: compare with quadratic_error.
/// `factor`: of the metric [n][n]; `steps`: [n], positive; `fixed`: coordinates that take the integer nearest to their own target (empty:
/// none). Throws std::invalid_argument if sizes do not fit.
[[nodiscard]] inline std::vector<int> round_to_nearest_plane(const Cholesky& factor,
                                                             std::span<const double> target,
                                                             std::span<const double> steps, int limit,
                                                             const std::vector<bool>& fixed = {}) {
  const std::size_t n = target.size();
  if (factor.size() != n || steps.size() != n || (!fixed.empty() && fixed.size() != n))
    throw std::invalid_argument("round_to_nearest_plane: sizes do not fit");
  std::vector<int> q(n);
  std::vector<double> carried(n, 0.0);  // L' (q * steps - target) of the coordinates that are chosen
  for (std::size_t k = n; k-- > 0;) {
    const std::span<const double> row = factor.row(k);
    const bool moved = fixed.empty() || !fixed[k];
    q[k] = detail::nearest_integer(moved ? target[k] - carried[k] / row[k] : target[k], steps[k], limit);
    const double error = q[k] * steps[k] - target[k];
    for (std::size_t j = 0; j < k; ++j) carried[j] += row[j] * error;
  }
  return q;
}

/// Chooses integers q in [-limit, limit] that make (q * steps - target)' metric (q * steps - target) small: starts from the nearest ones,
/// or from `start`, and visits the coordinates in turn, each time taking the best integer with all others fixed, until nothing changes or
/// `sweeps` are over. The error never exceeds that of the integers it starts from.
/// `metric`: [n][n], symmetric, with a positive diagonal; `steps`: [n], positive; `fixed`: coordinates that keep the integer they start
/// from (empty: none). Throws std::invalid_argument if sizes do not fit.
[[nodiscard]] inline std::vector<int> round_in_metric(std::span<const double> metric,
                                                      std::span<const double> target,
                                                      std::span<const double> steps, int limit,
                                                      int sweeps = 8, const std::vector<bool>& fixed = {},
                                                      std::span<const int> start = {}) {
  const std::size_t n = target.size();
  if (metric.size() != n * n || steps.size() != n || (!fixed.empty() && fixed.size() != n) ||
      (!start.empty() && start.size() != n))
    throw std::invalid_argument("round_in_metric: sizes do not fit");
  std::vector<int> q(n);
  std::vector<double> gradient(n, 0.0);  // metric * (q * steps - target)
  const auto move = [&](std::size_t k, double change) {
    const double* const row = &metric[k * n];
    for (std::size_t j = 0; j < n; ++j) gradient[j] += row[j] * change;
  };
  for (std::size_t k = 0; k < n; ++k) {
    q[k] = start.empty() ? detail::nearest_integer(target[k], steps[k], limit) : start[k];
    move(k, q[k] * steps[k] - target[k]);
  }
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    bool changed = false;
    for (std::size_t k = 0; k < n; ++k) {
      if (!fixed.empty() && fixed[k]) continue;
      const int best =
          detail::nearest_integer(q[k] * steps[k] - gradient[k] / metric[k * n + k], steps[k], limit);
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
