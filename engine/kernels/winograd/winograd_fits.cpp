#include <cstdint>
#include <cstdlib>

#include "engine/kernels/winograd/winograd.h"

namespace refcalib::engine::kernels {
namespace {

/// Largest |B' x| over one axis for x in 0..255, and the distance of its extremes, for each frequency: the positive and negative
/// entries of the rows of B'.
struct InputRange {
  std::int64_t largest, width;
};
constexpr InputRange kInput[6] = {{5 * 255, 10 * 255}, {8 * 255, 10 * 255}, {5 * 255, 10 * 255},
                                  {3 * 255, 6 * 255},  {3 * 255, 6 * 255},  {5 * 255, 10 * 255}};

/// What is multiplied with inputs of one frequency of the one axis, summed over channels by its place along the other axis.
struct Sums {
  std::int64_t at[3] = {};       ///< of magnitudes of the three taps
  std::int64_t outer = 0;        ///< of |first + 4 * third|
  std::int64_t first_three = 0;  ///< of |3 * first|

  void add(std::int64_t a, std::int64_t b, std::int64_t c) noexcept {
    at[0] += std::llabs(a), at[1] += std::llabs(b), at[2] += std::llabs(c);
    outer += std::llabs(a + 4 * c);
    first_three += std::llabs(3 * a);
  }
};

/// Bounds of what IntegerTransform::output shifts for inputs of this range: with d = B' x of the axis before,
///   far_sum        = sum 2 ((d4 - d2) (a + 4 c) + 2 (d3 - d1) 2 b)
///   far_difference = sum 2 ((d4 - d2) 2 b + 2 (d3 - d1) (a + 4 c))
///   6 y            = six times a sum over the three taps,
/// and what the first output meets on its way: far_sum / 2 plus the first product, whose input 4 d0 - 5 d2 + d4 is at most five widths.
bool fits(const Sums& s, InputRange x) noexcept {
  const std::int64_t far_sum = 2 * x.width * (s.outer + 4 * s.at[1]);
  const std::int64_t far_difference = 2 * x.width * (2 * s.at[1] + 2 * s.outer);
  const std::int64_t first = far_sum / 2 + 5 * x.width * s.first_three;
  const std::int64_t result = 6 * x.largest * (s.at[0] + s.at[1] + s.at[2]);
  constexpr std::int64_t most = INT32_MAX;
  return far_sum <= most && far_difference <= most && first <= most && result <= most;
}

/// The weights' transformation along one axis.
void frequencies(const std::int8_t* w, std::int64_t step, std::int64_t (&u)[6]) noexcept {
  const std::int64_t a = w[0], b = w[step], c = w[2 * step];
  u[0] = 3 * a;
  u[1] = -(a + b + c);
  u[2] = -(a - b + c);
  u[3] = a + 2 * b + 4 * c;
  u[4] = a - 2 * b + 4 * c;
  u[5] = 3 * c;
}

/// Bounds from the magnitudes of each tap, summed over channels, alone: quick, and enough for most weights.
bool surely_fits(const std::int8_t* weights, std::int64_t channels) noexcept {
  std::int32_t taps[9] = {};
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t t = 0; t < 9; ++t) taps[t] += std::abs(weights[c * 9 + t]);
  constexpr std::int64_t factors[6][3] = {{3, 0, 0}, {1, 1, 1}, {1, 1, 1}, {1, 2, 4}, {1, 2, 4}, {0, 0, 3}};
  Sums row;
  const auto bounded = [](Sums s) {
    s.outer = s.at[0] + 4 * s.at[2];
    s.first_three = 3 * s.at[0];
    return s;
  };
  for (int f = 0; f < 6; ++f) {
    Sums column;
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 3; ++x) column.at[y] += factors[f][x] * taps[3 * y + x];
    if (!fits(bounded(column), kInput[f])) return false;
  }
  for (int t = 0; t < 9; ++t) row.at[t % 3] += 3 * std::int64_t{taps[t]};
  return fits(bounded(row), {255, 255});
}

/// One output channel: first the outputs of a column, for each frequency along the row, then those of the row, which three times the
/// sums over a column make.
bool channel_fits(const std::int8_t* weights, std::int64_t channels) noexcept {
  Sums columns[6], row;
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int8_t* const w = weights + c * 9;
    std::int64_t u[3][6];
    for (std::int64_t y = 0; y < 3; ++y) {
      frequencies(w + 3 * y, 1, u[y]);
      row.add(3 * w[3 * y], 3 * w[3 * y + 1], 3 * w[3 * y + 2]);
    }
    for (int f = 0; f < 6; ++f) columns[f].add(u[0][f], u[1][f], u[2][f]);
  }
  for (int f = 0; f < 6; ++f)
    if (!fits(columns[f], kInput[f])) return false;
  return fits(row, {255, 255});
}

}  // namespace

bool winograd_fits(const ConvGeometry& g, const std::int8_t* weights) noexcept {
  for (std::int64_t o = 0; o < g.out_channels; ++o)
    if (!surely_fits(weights + o * g.in_channels * 9, g.in_channels) &&
        !channel_fits(weights + o * g.in_channels * 9, g.in_channels))
      return false;
  return true;
}

}  // namespace refcalib::engine::kernels
