#include "engine/calibration/range_observer.h"

#include <span>
#include <utility>

#include "engine/calibration/histogram_isa.h"
#include "engine/calibration/plan.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

std::size_t channels_of(const Shape& shape, std::size_t axis) {
  return shape.size() > axis ? static_cast<std::size_t>(shape[axis]) : 1;
}

/// One view for each index of the first dimension; a vector is one view of one channel.
std::vector<SampleView> views_of(const ValueView& view, std::size_t axis) {
  const TensorRef& tensor = view.tensor;
  const auto* data = static_cast<const float*>(view.data);
  const std::size_t channels = channels_of(tensor.shape, axis);
  const auto total = static_cast<std::size_t>(tensor.count());
  if (tensor.shape.size() < 2) return {{data, 1, total, total, 1}};
  const auto rows = static_cast<std::size_t>(tensor.shape[0]);
  const std::size_t count = total / (rows * channels);
  const std::vector<std::int64_t> strides = element_strides(tensor);
  const auto row_stride = static_cast<std::size_t>(strides[0]);
  SampleView sample{data, channels, count, static_cast<std::size_t>(strides[axis]), 1};
  if (axis != 1)
    sample.stride = static_cast<std::size_t>(strides[1]);
  else if (tensor.layout == Layout::channels_last)
    sample.stride = static_cast<std::size_t>(tensor.pixel_stride);
  if (count == 1) sample.stride = channels;  // a pixel has no neighbour
  std::vector<SampleView> views;
  for (std::size_t n = 0; n < rows; ++n, sample.data += row_stride) views.push_back(sample);
  return views;
}

}  // namespace

RangeObserver::RangeObserver(const Program& program, const std::vector<ValueId>& watched, std::size_t batch,
                             SampleRecords records)
    : batch_(batch), kernel_(histogram_kernel_for(program.isa())) {
  for (const ValueId id : watched) {
    const Value& value = program.graph().value(id);
    const std::size_t axis = channel_axis(program.graph(), id);
    observers_.emplace(
        id, ValueObserver(channels_of(value.shape, axis), static_cast<std::uint32_t>(axis), records));
    names_.emplace(id, value.name);
  }
}

void RangeObserver::after_step(int, std::span<const ValueView> outputs) noexcept {
  for (const ValueView& view : outputs) {
    const auto it = observers_.find(view.id);
    if (it == observers_.end() || view.tensor.dtype != DType::f32) continue;
    ValueObserver& observer = it->second;
    const std::vector<SampleView> views =
        views_of(view, static_cast<std::size_t>(observer.statistics().channel_axis));
    if (views.size() == batch_) {
      for (std::size_t row = 0; row < batch_; ++row)
        if (rows_[row]) observer.add(views[row], kernel_);
      continue;
    }
    bool seen = false;
    for (const bool row : rows_) {
      if (row && seen) observer.repeat();
      if (row && !std::exchange(seen, true)) observer.add(std::span<const SampleView>(views), kernel_);
    }
  }
}

std::uint64_t RangeObserver::not_finite() const noexcept {
  std::uint64_t count = 0;
  for (const auto& [id, observer] : observers_) {
    const Histogram& histogram = observer.statistics().histogram;
    count += histogram.nan_count() + histogram.inf_count();
  }
  return count;
}

std::map<std::string, ValueStatistics> RangeObserver::take() {
  std::map<std::string, ValueStatistics> taken;
  for (auto& [id, observer] : observers_) taken.emplace(names_.at(id), observer.take());
  return taken;
}

HistogramKernel histogram_kernel_for(Isa isa) noexcept {
#if defined(__x86_64__)
  if (includes(isa, Isa::avx512)) return histogram_kernel_avx512();
  if (includes(isa, Isa::avx2)) return histogram_kernel_avx2();
#endif
  return histogram_kernel_portable();
}

}  // namespace refcalib::engine
