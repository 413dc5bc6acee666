#include "engine/formats/caffe/stored_integers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace refcalib::engine::caffe {

std::optional<StoredIntegers> stored_integers(const LayerThresholds* entry,
                                              std::optional<float> input_threshold,
                                              const std::vector<TrainedBlob>& blobs) {
  if (entry == nullptr || !entry->right_shift || entry->tops.empty() || !input_threshold || blobs.empty())
    return std::nullopt;
  const float tx = *input_threshold, ty = entry->tops.front().second;
  const std::vector<float>& weights = blobs.front().values;
  const bool whole = std::all_of(weights.begin(), weights.end(), [](float w) {
    return w == std::floor(w) && w >= INT8_MIN && w <= INT8_MAX;
  });
  if (!whole || !(tx > 0) || !(ty > 0)) return std::nullopt;
  constexpr double steps = 128;
  const double unit = std::ldexp(static_cast<double>(ty), -*entry->right_shift);
  return StoredIntegers{static_cast<float>(unit / static_cast<double>(tx)), static_cast<float>(unit / steps)};
}

}  // namespace refcalib::engine::caffe
