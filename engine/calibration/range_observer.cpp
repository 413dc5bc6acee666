#include "engine/calibration/range_observer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/calibration/histogram_isa.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

/// Extremes and sums per channel of rows of channels. NaN is skipped in extremes: every comparison with it is false.
void channel_extremes(const float* data, const RowView& rows, float* low, float* high, float* sum) noexcept {
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const float* row = data + r * rows.stride;
    for (std::int64_t c = 0; c < rows.length; ++c) {
      low[c] = row[c] < low[c] ? row[c] : low[c];
      high[c] = row[c] > high[c] ? row[c] : high[c];
      sum[c] += row[c];
    }
  }
}

/// The same for the planes of one plain sample.
void plane_extremes(const float* data, std::int64_t channels, std::int64_t plane, float* low, float* high,
                    float* sum) noexcept {
  for (std::int64_t c = 0; c < channels; ++c) {
    const float* values = data + c * plane;
    for (std::int64_t i = 0; i < plane; ++i) {
      low[c] = values[i] < low[c] ? values[i] : low[c];
      high[c] = values[i] > high[c] ? values[i] : high[c];
      sum[c] += values[i];
    }
  }
}

/// Sample by sample, so that a batch gives what its samples give. A vector is one sample of one channel.
void observe_channels(const TensorRef& tensor, const float* data, ObservedValue& seen,
                      std::vector<float>& sums) noexcept {
  const Shape& shape = tensor.shape;
  const std::int64_t batch = shape.size() > 1 ? shape[0] : 1;
  const auto channels = static_cast<std::int64_t>(sums.size());
  if (batch * channels == 0) return;
  const std::int64_t plane = tensor.count() / (batch * channels);
  RowView rows = rows_of(tensor);
  rows.rows /= batch;
  for (std::int64_t n = 0; n < batch; ++n) {
    if (tensor.layout == Layout::channels_last)
      channel_extremes(data + n * rows.rows * rows.stride, rows, seen.channel_min.data(),
                       seen.channel_max.data(), sums.data());
    else
      plane_extremes(data + n * channels * plane, channels, plane, seen.channel_min.data(),
                     seen.channel_max.data(), sums.data());
    seen.add_means(sums, plane);
  }
}

}  // namespace

void ObservedValue::merge(const ObservedValue& other) {
  histogram.merge(other.histogram);
  for (std::size_t c = 0; c < channel_min.size(); ++c) {
    channel_min[c] = std::min(channel_min[c], other.channel_min[c]);
    channel_max[c] = std::max(channel_max[c], other.channel_max[c]);
    mean_total[c] += other.mean_total[c];
  }
  observations += other.observations;
}

void ObservedValue::add_means(std::vector<float>& sums, std::int64_t per_channel) noexcept {
  // A mean as a whole number of units: sums of those depend on no order.
  constexpr double largest = 1 << 25;
  for (std::size_t c = 0; c < sums.size(); ++c) {
    const double mean =
        static_cast<double>(sums[c]) / static_cast<double>(std::max<std::int64_t>(per_channel, 1));
    if (std::isfinite(mean)) mean_total[c] += std::llrint(std::clamp(mean, -largest, largest) * kMeanUnits);
    sums[c] = 0;
  }
  ++observations;
}

std::vector<float> ObservedValue::channel_means() const {
  std::vector<float> means;
  for (const std::int64_t total : mean_total)
    means.push_back(static_cast<float>(static_cast<double>(total) / kMeanUnits /
                                       static_cast<double>(std::max<std::int64_t>(observations, 1))));
  return means;
}

RangeObserver::RangeObserver(const Program& program, const std::vector<ValueId>& watched)
    : kernel_(histogram_kernel_for(program.isa())) {
  for (const ValueId id : watched) {
    ObservedValue& value = values_[id];
    const Shape& shape = program.graph().value(id).shape;
    const std::size_t channels = shape.size() > 1 ? static_cast<std::size_t>(shape[1]) : 1;
    value.channel_min.assign(channels, std::numeric_limits<float>::infinity());
    value.channel_max.assign(channels, -std::numeric_limits<float>::infinity());
    value.mean_total.assign(channels, 0);
    sums_[id].assign(channels, 0.0F);
  }
}

void RangeObserver::after_step(int, std::span<const ValueView> outputs) noexcept {
  for (const ValueView& view : outputs) {
    const auto it = values_.find(view.id);
    if (it == values_.end() || view.tensor.dtype != DType::f32) continue;
    const auto* data = static_cast<const float*>(view.data);
    const RowView rows = rows_of(view.tensor);
    it->second.histogram.update(data, static_cast<std::size_t>(rows.rows),
                                static_cast<std::size_t>(rows.length), static_cast<std::size_t>(rows.stride),
                                kernel_);
    observe_channels(view.tensor, data, it->second, sums_.find(view.id)->second);
  }
}

std::uint64_t RangeObserver::not_finite() const noexcept {
  std::uint64_t count = 0;
  for (const auto& [id, value] : values_) count += value.histogram.nan_count() + value.histogram.inf_count();
  return count;
}

HistogramKernel histogram_kernel_for(Isa isa) noexcept {
#if defined(__x86_64__)
  if (includes(isa, Isa::avx512)) return histogram_kernel_avx512();
  if (includes(isa, Isa::avx2)) return histogram_kernel_avx2();
#endif
  return histogram_kernel_portable();
}

}  // namespace refcalib::engine
