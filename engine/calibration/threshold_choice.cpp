#include "engine/calibration/threshold_choice.h"

#include <refcalib/params.hpp>
#include <stdexcept>

#include "engine/core/error.h"

namespace refcalib::engine {

QuantizationRange ThresholdChoice::range(const ValueStatistics& seen) const {
  const ImageExtremes images{seen.sample_ranges, seen.sample_channel_ranges};
  const Range range =
      representable_range(choose_params({seen.histogram, images}, kUint8, scheme, *method, options));
  return {range.min, range.max};
}

ThresholdSelection::ThresholdSelection(const CalibrationOptions& options) {
  try {
    common_.method = &find_threshold_method(options.method);
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  if (options.activations != "symmetric" && options.activations != "asymmetric")
    throw UsageError("unknown activation scheme '" + options.activations + "'; known: symmetric, asymmetric");
  common_.scheme = options.activations == "symmetric" ? Scheme::symmetric : Scheme::asymmetric;
}

const ThresholdChoice& ThresholdSelection::of(const Graph&, ValueId) const {
  return common_;
}

SampleRecords ThresholdSelection::records() const {
  return {true, common_.method->needs == ThresholdNeeds::channel_extremes};
}

void ThresholdSelection::require_records(const SampleRecords& kept) const {
  const ThresholdNeeds needs = common_.method->needs;
  if (needs == ThresholdNeeds::histogram || (kept.ranges && needs == ThresholdNeeds::image_extremes) ||
      (kept.ranges && kept.channel_ranges))
    return;
  const bool channels = needs == ThresholdNeeds::channel_extremes;
  throw UsageError(
      "method '" + std::string(common_.method->name) + "' needs records of " +
          (channels ? "the channels of " : "") + "single samples that these statistics do not keep",
      {{}, {}, channels ? "collect them with --channel-records" : "collect them without --no-records"});
}

}  // namespace refcalib::engine
