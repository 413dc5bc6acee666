#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/caffe/channel_scale.h"
#include "engine/formats/caffe/layers.h"

namespace refcalib::engine::caffe {
namespace {

/// Normalization by the statistics of the training: a factor and an addend per channel.
void read_batch_norm(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  if (layer.shape().size() < 2) throw FormatError("the blob has no channels");
  const ChannelScale affine = channel_scale(layer.parameter(), layer.shape()[1], [&](std::size_t rank) {
    return layer.channel_blob(rank, layer.shape()[1], "statistics");
  });
  const auto floats = [](const std::vector<double>& values) {
    return std::vector<float>(values.begin(), values.end());
  };
  const Shape dims{layer.shape()[1]};
  const ValueId product = layer.helper({"Multiply", 1}, "scaled", {},
                                       {layer.input(), layer.along("scale", 1, dims, floats(affine.scale))});
  layer.add({"Add", 1}, {}, {product, layer.along("shift", 1, dims, floats(affine.shift))});
}

/// Dimensions of input 0 that the blob of a Scale or Bias covers.
Shape covered(const CaffeLayer& layer, std::size_t axis, std::int64_t count) {
  const Shape& x = layer.shape();
  const auto first = x.begin() + static_cast<std::ptrdiff_t>(axis);
  if (count == -1) return {first, x.end()};
  if (count < 0 || count > x.end() - first)
    throw FormatError("num_axes " + std::to_string(count) + " exceeds the dimensions of a blob of shape " +
                      to_string(x));
  return {first, first + count};
}

/// The second bottom under the first one's rank: its dimensions are those from `axis` on.
ValueId aligned(CaffeLayer& layer, std::size_t axis) {
  const Shape &x = layer.shape(0), &other = layer.shape(1);
  if (axis + other.size() > x.size())
    throw FormatError("bottom 1 of shape " + to_string(other) + " does not fit a blob of shape " +
                      to_string(x) + " from axis " + std::to_string(axis) + " on");
  Shape target(x.size(), 1);
  std::copy(other.begin(), other.end(), target.begin() + static_cast<std::ptrdiff_t>(axis));
  for (std::size_t d = axis; d < axis + other.size(); ++d)
    if (target[d] != x[d] && target[d] != 1)
      throw FormatError("bottom 1 of shape " + to_string(other) + " does not fit a blob of shape " +
                        to_string(x) + " from axis " + std::to_string(axis) + " on");
  if (target == other) return layer.input(1);
  return layer.helper({"Reshape", 1}, "aligned", {{"special_zero", "false"}},
                      {layer.input(1), layer.integers("aligned/shape", target)});
}

void read_scale(CaffeLayer& layer) {
  layer.expect_inputs(1, 2);
  const proto::ScaleParameter& p = layer.parameter().scale_param();
  const bool computed = layer.input_count() == 2;
  const std::size_t axis = layer.axis(p.axis());
  Shape dims = computed ? layer.shape(1) : covered(layer, axis, p.num_axes());
  const ValueId factor =
      computed ? aligned(layer, axis) : layer.along("scale", axis, dims, layer.blob(0, dims, "factors"));
  if (!p.bias_term()) return layer.add({"Multiply", 1}, {}, {layer.input(), factor});
  const ValueId product = layer.helper({"Multiply", 1}, "scaled", {}, {layer.input(), factor});
  const ValueId shift = layer.along("shift", axis, dims, layer.blob(computed ? 0 : 1, dims, "biases"));
  layer.add({"Add", 1}, {}, {product, shift});
}

void read_bias(CaffeLayer& layer) {
  layer.expect_inputs(1, 2);
  const proto::BiasParameter& p = layer.parameter().bias_param();
  const std::size_t axis = layer.axis(p.axis());
  if (layer.input_count() == 2) return layer.add({"Add", 1}, {}, {layer.input(), aligned(layer, axis)});
  const Shape dims = covered(layer, axis, p.num_axes());
  layer.add({"Add", 1}, {}, {layer.input(), layer.along("shift", axis, dims, layer.blob(0, dims, "biases"))});
}

constexpr LayerType kTypes[] = {
    {"BatchNorm", read_batch_norm},
    {"BN", read_batch_norm},
    {"Scale", read_scale},
    {"Bias", read_bias},
};

}  // namespace

std::span<const LayerType> scale_types() noexcept {
  return kTypes;
}

}  // namespace refcalib::engine::caffe
