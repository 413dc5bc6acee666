// Turns a tensor into 8-bit integers and back under three schemes and shows what each costs.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <refcalib/refcalib.hpp>
#include <span>
#include <vector>

#include "sample_data.hpp"

namespace {

/// Quantizes x with the parameters, prints the outcome, and tells whether the promise of half a step holds.
bool show(const char* name, std::span<const float> x, const refcalib::QuantParams& params) {
  std::vector<std::uint8_t> q(x.size());
  std::vector<float> back(x.size());
  refcalib::quantize(x, std::span<std::uint8_t>(q), params);
  refcalib::dequantize(std::span<const std::uint8_t>(q), std::span<float>(back), params);

  const double worst = refcalib::max_abs_error(x, back);
  const auto scale = static_cast<double>(params.scale);
  std::printf("%-13s scale %.6f  zero point %3d  worst error %.6f  SQNR %.2f dB\n", name, scale,
              params.zero_point, worst, refcalib::sqnr_db(x, back));
  // The ranges cover the data, so no value is clipped and rounding is the only loss.
  return worst <= 0.5 * scale * 1.0001 && refcalib::fake_quantize(0.0F, params) == 0.0F;
}

}  // namespace

int main() {
  // Values around 0.8 that reach from about -1 to 3, as after a layer with a bias.
  std::vector<float> x = sample_values(100'000, 1, 0.5F);
  for (float& v : x) v += 0.8F;

  refcalib::MinMaxObserver observer;
  observer.update(std::span<const float>(x));
  const refcalib::Range range = observer.range();
  std::printf("range [%.4f, %.4f]\n", static_cast<double>(range.min), static_cast<double>(range.max));

  const bool symmetric = show("symmetric", x, refcalib::choose_symmetric(range, refcalib::kUint8));
  const bool asymmetric = show("asymmetric", x, refcalib::choose_asymmetric(range, refcalib::kUint8));
  const bool power_of_two = show("power of two", x, refcalib::choose_power_of_two(range, refcalib::kUint8));
  return symmetric && asymmetric && power_of_two ? 0 : 1;
}
