// Calibrates one activation: two workers see different batches, their histograms are merged, and every
// threshold search proposes a range. The data are what a ReLU leaves (half zeros), with one outlier.

#include <cstdio>
#include <refcalib/refcalib.hpp>
#include <span>
#include <vector>

#include "sample_data.hpp"

int main() {
  std::vector<float> activations = sample_values(200'000, 2);
  for (float& v : activations) v = v > 0.0F ? v : 0.0F;
  activations[77'777] = 40.0F;
  const std::span<const float> all(activations);

  refcalib::Histogram first;
  refcalib::Histogram second;
  first.update(all.first(50'000));
  second.update(all.subspan(50'000));
  first.merge(second);

  // Exact: the same state as from all values at once.
  refcalib::Histogram whole;
  whole.update(all);
  if (!(first == whole)) return 1;
  std::printf("%llu values, %llu zeros, range [%g, %g], bins of %g\n",
              static_cast<unsigned long long>(first.count()),
              static_cast<unsigned long long>(first.zero_count()), static_cast<double>(first.range().min),
              static_cast<double>(first.range().max), first.bin_width());

  double minmax_sqnr = 0.0;
  double mse_sqnr = 0.0;
  for (const refcalib::ThresholdMethod& method : refcalib::threshold_methods()) {
    // The others look at the extremes of single images.
    if (method.needs != refcalib::ThresholdNeeds::histogram) continue;
    const refcalib::QuantParams params =
        refcalib::choose_params(first, refcalib::kUint8, refcalib::Scheme::symmetric, method);
    std::vector<float> quantized(activations.size());
    refcalib::fake_quantize(all, std::span<float>(quantized), params);
    const double sqnr = refcalib::sqnr_db(all, quantized);
    std::printf("%-12s  T %7.4f  SQNR %.2f dB\n", method.name.data(),
                static_cast<double>(refcalib::representable_range(params).max), sqnr);
    if (method.name == "minmax") minmax_sqnr = sqnr;
    if (method.name == "mse") mse_sqnr = sqnr;
  }
  // MSE minimises the very error that SQNR measures.
  return mse_sqnr >= minmax_sqnr ? 0 : 1;
}
