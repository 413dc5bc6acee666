// Quantizes the weights of a layer whose output channels differ in size, with one scale for all and with one
// per channel, and takes the zero point of the activations out by the channel sums.

#include <cstdint>
#include <cstdio>
#include <refcalib/refcalib.hpp>
#include <span>
#include <vector>

#include "sample_data.hpp"

namespace {

constexpr std::size_t kChannels = 8;
constexpr std::size_t kDepth = 144;  // 16 input channels, 3 x 3

double sqnr_of_channel(std::span<const float> weights, const refcalib::QuantizedWeights& q,
                       std::size_t channel) {
  std::vector<float> back(kDepth);
  const std::span<const std::int8_t> codes(q.values);
  refcalib::dequantize(codes.subspan(channel * kDepth, kDepth), std::span<float>(back),
                       {q.scales[channel], 0, refcalib::kInt8Narrow});
  return refcalib::sqnr_db(weights.subspan(channel * kDepth, kDepth), back);
}

}  // namespace

int main() {
  std::vector<float> weights = sample_values(kChannels * kDepth, 3, 0.1F);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] /= static_cast<float>(1U << (i / kDepth));

  const refcalib::QuantizedWeights one_scale = refcalib::quantize_weights_per_tensor(weights, kChannels);
  const refcalib::QuantizedWeights per_channel = refcalib::quantize_weights_per_channel(weights, kChannels);
  bool ok = true;
  for (const std::size_t c : {std::size_t{0}, kChannels - 1}) {
    const double shared = sqnr_of_channel(weights, one_scale, c);
    const double own = sqnr_of_channel(weights, per_channel, c);
    std::printf("channel %zu: SQNR %5.2f dB with one scale, %5.2f dB with its own (%.6f)\n", c, shared, own,
                static_cast<double>(per_channel.scales[c]));
    ok = ok && own > 35.0;
  }

  // sum (x - zp) * w = sum x * w - zp * sum w, exactly: kernels multiply raw codes and subtract once.
  constexpr std::int32_t zero_point = 93;
  for (std::size_t c = 0; c < kChannels; ++c) {
    std::int32_t direct = 0;
    std::int32_t raw = 0;
    for (std::size_t k = 0; k < kDepth; ++k) {
      const auto x = static_cast<std::int32_t>((k * 71) % 256);
      const std::int32_t w = per_channel.values[c * kDepth + k];
      direct += (x - zero_point) * w;
      raw += x * w;
    }
    ok = ok && direct == raw - zero_point * per_channel.sums[c];
  }
  std::printf("zero point %d taken out by channel sums: %s\n", zero_point, ok ? "exact" : "wrong");
  return ok ? 0 : 1;
}
