#include <cstdint>
#include <cstdio>
#include <refcalib/refcalib.hpp>
#include <span>
#include <vector>

// The toolkit alone: a few values there and back, at most half a step apart.
int main() {
  const std::vector<float> x = {-1.0F, -0.25F, 0.0F, 0.5F, 1.75F, 3.0F};
  refcalib::MinMaxObserver observer;
  observer.update(std::span<const float>(x));
  const refcalib::QuantParams params = refcalib::choose_asymmetric(observer.range(), refcalib::kUint8);

  std::vector<std::uint8_t> q(x.size());
  std::vector<float> back(x.size());
  refcalib::quantize(std::span<const float>(x), std::span<std::uint8_t>(q), params);
  refcalib::dequantize(std::span<const std::uint8_t>(q), std::span<float>(back), params);
  const double worst = refcalib::max_abs_error(std::span<const float>(x), std::span<const float>(back));
  std::printf("refcalib %s, worst error %.6f\n", refcalib::version_string, worst);
  return worst <= 0.5001 * static_cast<double>(params.scale) ? 0 : 1;
}
