// One fully connected layer in integers: u8 activations, s8 weights, int32 accumulators, and the way back to
// u8 with a float multiplier and with a Q31 fixed-point one. Compared with the layer in float.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <refcalib/refcalib.hpp>
#include <span>
#include <vector>

#include "sample_data.hpp"

namespace {

constexpr std::size_t kInputs = 256;
constexpr std::size_t kOutputs = 1000;

refcalib::QuantParams params_of(std::span<const float> x) {
  refcalib::MinMaxObserver observer;
  observer.update(x);
  return refcalib::choose_asymmetric(observer.range(), refcalib::kUint8);
}

}  // namespace

int main() {
  const std::vector<float> x = sample_values(kInputs, 4);
  const std::vector<float> w = sample_values(kInputs * kOutputs, 5, 0.05F);
  std::vector<float> y(kOutputs);
  for (std::size_t o = 0; o < kOutputs; ++o) {
    for (std::size_t i = 0; i < kInputs; ++i) y[o] += x[i] * w[o * kInputs + i];
  }

  // Parameters, then everything below is integers.
  const refcalib::QuantParams in = params_of(x);
  const refcalib::QuantParams out = params_of(y);
  const refcalib::QuantizedWeights weights = refcalib::quantize_weights_per_tensor(w, kOutputs);
  std::vector<std::uint8_t> xq(kInputs);
  refcalib::quantize(std::span<const float>(x), std::span<std::uint8_t>(xq), in);
  std::vector<std::int32_t> acc(kOutputs);
  for (std::size_t o = 0; o < kOutputs; ++o) {
    for (std::size_t i = 0; i < kInputs; ++i) acc[o] += xq[i] * weights.values[o * kInputs + i];
    acc[o] -= in.zero_point * weights.sums[o];
  }

  const float multiplier = in.scale * weights.scales.front() / out.scale;
  const refcalib::FixedMultiplier fixed = refcalib::quantize_multiplier(static_cast<double>(multiplier));
  std::printf("multiplier %.8f = %d * 2^(%d - 31)\n", static_cast<double>(multiplier), fixed.mantissa,
              fixed.shift);

  const refcalib::OutputCode code{out.zero_point, out.levels};
  std::vector<std::uint8_t> by_float(kOutputs);
  std::vector<std::uint8_t> by_fixed(kOutputs);
  const std::span<const std::int32_t> sums(acc);
  refcalib::requantize(sums, std::span<std::uint8_t>(by_float), multiplier, code);
  refcalib::requantize(sums, std::span<std::uint8_t>(by_fixed), fixed, code);

  int differing = 0;
  int largest = 0;
  for (std::size_t o = 0; o < kOutputs; ++o) {
    const int difference = std::abs(by_float[o] - by_fixed[o]);
    differing += difference != 0 ? 1 : 0;
    largest = difference > largest ? difference : largest;
  }
  std::vector<float> back(kOutputs);
  refcalib::dequantize(std::span<const std::uint8_t>(by_float), std::span<float>(back), out);
  const double sqnr = refcalib::sqnr_db(y, back);
  std::printf("SQNR against the float layer %.2f dB; Q31 differs in %d of %zu outputs, by at most %d\n", sqnr,
              differing, kOutputs, largest);
  return sqnr > 35.0 && largest <= 1 ? 0 : 1;
}
