#include "engine/formats/caffe/channel_scale.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"

namespace refcalib::engine::caffe {
namespace {

using Blobs = std::function<std::vector<float>(std::size_t)>;

/// One number for all, or one per channel.
std::vector<double> per_channel(const std::vector<float>& blob, std::int64_t channels) {
  if (blob.size() == 1) return std::vector<double>(static_cast<std::size_t>(channels), blob.front());
  if (static_cast<std::int64_t>(blob.size()) != channels)
    throw FormatError(
        "a blob has " + std::to_string(blob.size()) + " values for " + std::to_string(channels) + " channels",
        {"", "", "check that .prototxt and .caffemodel belong together"});
  return {blob.begin(), blob.end()};
}

void normalize(ChannelScale& result, const std::vector<double>& mean, const std::vector<double>& variance,
               double epsilon) {
  for (std::size_t c = 0; c < mean.size(); ++c) {
    const double divisor = std::sqrt(variance[c] + epsilon);
    if (!(divisor > 0) || !std::isfinite(divisor))
      throw FormatError("the variance of channel " + std::to_string(c) + " is not positive");
    result.scale.push_back(1 / divisor);
    result.shift.push_back(-mean[c] / divisor);
  }
}

ChannelScale of_batch_norm(const proto::LayerParameter& parameter, std::int64_t channels, const Blobs& blob) {
  const proto::BatchNormParameter& p = parameter.batch_norm_param();
  if (p.has_use_global_stats() && !p.use_global_stats())
    throw UnsupportedError("the layer normalizes by the statistics of each batch",
                           {"", "", "set use_global_stats: true"});
  const std::vector<float> factors = blob(2);
  const double factor = factors.empty() ? 0 : static_cast<double>(factors.front());
  std::vector<double> mean = per_channel(blob(0), channels), variance = per_channel(blob(1), channels);
  for (auto* list : {&mean, &variance})
    for (double& value : *list) value = factor == 0 ? 0 : value / factor;
  ChannelScale result;
  normalize(result, mean, variance, static_cast<double>(p.eps()));
  return result;
}

/// Slope, bias, mean and variance.
ChannelScale of_bn(const proto::LayerParameter& parameter, std::int64_t channels, const Blobs& blob) {
  const std::vector<double> slope = per_channel(blob(0), channels), bias = per_channel(blob(1), channels);
  ChannelScale result;
  normalize(result, per_channel(blob(2), channels), per_channel(blob(3), channels),
            static_cast<double>(parameter.bn_param().eps()));
  for (std::size_t c = 0; c < slope.size(); ++c) {
    result.scale[c] *= slope[c];
    result.shift[c] = result.shift[c] * slope[c] + bias[c];
  }
  return result;
}

ChannelScale of_scale(const proto::LayerParameter& parameter, std::int64_t channels, const Blobs& blob) {
  ChannelScale result;
  result.scale = per_channel(blob(0), channels);
  result.shift = parameter.scale_param().bias_term()
                     ? per_channel(blob(1), channels)
                     : std::vector<double>(static_cast<std::size_t>(channels), 0);
  return result;
}

ChannelScale of_bias(const proto::LayerParameter&, std::int64_t channels, const Blobs& blob) {
  return {std::vector<double>(static_cast<std::size_t>(channels), 1), per_channel(blob(0), channels)};
}

/// A Scale or Bias of one bottom over the channels alone.
template <class Parameter>
bool over_channels(const proto::LayerParameter& layer, const Parameter& p) {
  return layer.bottom_size() == 1 && p.axis() == 1 && p.num_axes() == 1;
}

struct Foldable {
  std::string_view type;
  ChannelScale (*scale)(const proto::LayerParameter&, std::int64_t, const Blobs&);
  bool (*fits)(const proto::LayerParameter&);
};
constexpr Foldable kFoldable[] = {
    {"BatchNorm", of_batch_norm, [](const proto::LayerParameter& l) { return l.bottom_size() == 1; }},
    {"BN", of_bn, [](const proto::LayerParameter& l) { return l.bottom_size() == 1; }},
    {"Scale", of_scale, [](const proto::LayerParameter& l) { return over_channels(l, l.scale_param()); }},
    {"Bias", of_bias, [](const proto::LayerParameter& l) { return over_channels(l, l.bias_param()); }},
};

const Foldable* find_foldable(std::string_view type) {
  const auto* const found = std::find_if(std::begin(kFoldable), std::end(kFoldable),
                                         [&](const Foldable& row) { return row.type == type; });
  return found == std::end(kFoldable) ? nullptr : found;
}

/// Outputs of a layer whose weights can take a factor per channel; 0 for any other layer.
std::int64_t weighted_outputs(const proto::LayerParameter& layer) {
  if (layer.bottom_size() != 1 || layer.top_size() != 1) return 0;
  if (layer.type() == "InnerProduct")
    return layer.inner_product_param().axis() == 1 ? layer.inner_product_param().num_output() : 0;
  constexpr std::array<std::string_view, 4> kinds = {"Convolution", "ConvolutionDepthwise",
                                                     "DepthwiseConvolution", "Deconvolution"};
  const bool windowed = std::find(kinds.begin(), kinds.end(), layer.type()) != kinds.end();
  return windowed ? layer.convolution_param().num_output() : 0;
}

}  // namespace

ChannelScale channel_scale(const proto::LayerParameter& parameter, std::int64_t channels,
                           const std::function<std::vector<float>(std::size_t)>& blob) {
  const Foldable* const found = find_foldable(parameter.type());
  if (found == nullptr) throw Error("internal: no scale per channel in " + parameter.type());
  return found->scale(parameter, channels, blob);
}

Folding fold_channel_scales(const Topology& topology, const Plan& plan,
                            const std::function<std::vector<TrainedBlob>(std::size_t)>& blobs) {
  Folding result;
  for (std::size_t i = 0; i < topology.size(); ++i) {
    const std::int64_t channels = weighted_outputs(topology.layer(i));
    if (!plan.translated[i] || channels < 1) continue;
    std::size_t at = i;
    for (;;) {
      const std::vector<std::size_t>& readers = topology.readers({at, 0});
      if (readers.size() != 1 || !plan.translated[readers.front()]) break;
      const proto::LayerParameter& next = topology.layer(readers.front());
      const Foldable* const kind = find_foldable(next.type());
      if (kind == nullptr || !kind->fits(next) || next.top_size() != 1) break;
      const std::vector<TrainedBlob> own = blobs(readers.front());
      const ChannelScale step = in_context({"", next.name(), ""}, [&] {
        return kind->scale(next, channels, [&](std::size_t rank) {
          if (rank >= own.size())
            throw FormatError("blob " + std::to_string(rank) + " is missing",
                              {"", "", "check that .prototxt and .caffemodel belong together"});
          return own[rank].values;
        });
      });
      ChannelScale& whole = result.scales[i];
      if (whole.empty()) {
        whole = step;
      } else {
        for (std::size_t c = 0; c < step.scale.size(); ++c) {
          whole.scale[c] *= step.scale[c];
          whole.shift[c] = whole.shift[c] * step.scale[c] + step.shift[c];
        }
      }
      result.into[readers.front()] = i;
      at = readers.front();
    }
  }
  return result;
}

}  // namespace refcalib::engine::caffe
