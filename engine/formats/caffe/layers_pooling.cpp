#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/caffe/layers.h"

namespace refcalib::engine::caffe {
namespace {

using Pair = std::array<std::int64_t, 2>;

struct Windows {
  Pair kernel{}, strides{}, pads{};
  bool ceil = true;
};

Windows windows_of(const proto::PoolingParameter& p, const Shape& x) {
  const auto pair = [](bool has, std::uint32_t h, std::uint32_t w, std::uint32_t both) {
    return has ? Pair{h, w} : Pair{both, both};
  };
  Windows w;
  w.kernel = pair(p.has_kernel_h() || p.has_kernel_w(), p.kernel_h(), p.kernel_w(), p.kernel_size());
  w.strides = pair(p.has_stride_h() || p.has_stride_w(), p.has_stride_h() ? p.stride_h() : p.stride(),
                   p.has_stride_w() ? p.stride_w() : p.stride(), p.stride());
  w.pads = pair(p.has_pad_h() || p.has_pad_w(), p.pad_h(), p.pad_w(), p.pad());
  if (p.global_pooling()) {
    w.kernel = {x[2], x[3]};
    w.strides = {1, 1};
    w.pads = {0, 0};
  }
  w.ceil = p.has_round_mode() ? p.round_mode() != "FLOOR" && p.round_mode() != "1" : p.ceil_mode();
  constexpr std::int64_t most = std::int64_t{1} << 20;
  for (std::size_t d = 0; d < 2; ++d) {
    if (w.kernel[d] < 1 || w.strides[d] < 1 || std::max(w.kernel[d], w.strides[d]) > most)
      throw FormatError("kernel_size or stride is missing or out of range");
    if (w.pads[d] >= w.kernel[d])
      throw FormatError("pad " + std::to_string(w.pads[d]) + " is not smaller than the kernel");
  }
  return w;
}

/// Windows along one dimension, rounded up by default; with padding the last one must start inside.
std::int64_t outputs_of(const Windows& w, std::size_t d, std::int64_t in) {
  const std::int64_t room = in + 2 * w.pads[d] - w.kernel[d];
  if (room < 0)
    throw FormatError("the kernel of " + std::to_string(w.kernel[d]) + " exceeds the padded size " +
                      std::to_string(in + 2 * w.pads[d]));
  std::int64_t outputs = (w.ceil ? room + w.strides[d] - 1 : room) / w.strides[d] + 1;
  const bool padded = w.pads[0] != 0 || w.pads[1] != 0;
  if (padded && (outputs - 1) * w.strides[d] >= in + w.pads[d]) --outputs;
  return outputs;
}

/// Averages divide by the cells of a window inside the padded picture, where windows may reach beyond it.
void read_pooling(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  if (layer.output_count() > 1)
    throw UnsupportedError("Pooling that gives the positions of its maxima is not supported");
  const proto::PoolingParameter& p = layer.parameter().pooling_param();
  const Shape x = layer.shape();
  if (x.size() != 4) throw FormatError("the blob has the shape " + to_string(x) + "; expected is rank 4");
  if (p.pool() == proto::PoolingParameter::STOCHASTIC)
    throw UnsupportedError("stochastic pooling is not supported");
  Windows w = windows_of(p, x);
  const bool max = p.pool() == proto::PoolingParameter::MAX;
  Pair ends{};
  bool beyond = false;
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int64_t outputs = outputs_of(w, d, x[d + 2]);
    ends[d] = std::max<std::int64_t>((outputs - 1) * w.strides[d] + w.kernel[d] - x[d + 2] - w.pads[d], 0);
    beyond = beyond || ends[d] > w.pads[d];
  }
  ValueId data = layer.input();
  const bool padded = w.pads[0] != 0 || w.pads[1] != 0;
  if (!max && padded && beyond) {
    data = layer.helper(
        {"Pad", 1}, "padded", {{"pad_mode", "constant"}},
        {data, layer.integers("pads_begin", {0, 0, w.pads[0], w.pads[1]}),
         layer.integers("pads_end", {0, 0, w.pads[0], w.pads[1]}), layer.floats("zero", {}, {0})});
    for (std::size_t d = 0; d < 2; ++d) ends[d] = std::max<std::int64_t>(ends[d] - w.pads[d], 0);
    w.pads = {0, 0};
  }
  ir::AttributeTexts texts{{"kernel", ir::format_integers(w.kernel)},
                           {"strides", ir::format_integers(w.strides)},
                           {"pads_begin", ir::format_integers(w.pads)},
                           {"pads_end", ir::format_integers(ends)},
                           {"rounding_type", "floor"},
                           {"auto_pad", "explicit"}};
  if (!max) texts.emplace_back("exclude-pad", padded && !beyond ? "false" : "true");
  layer.add({max ? "MaxPool" : "AvgPool", 1}, std::move(texts), {data});
}

constexpr LayerType kTypes[] = {
    {"Pooling", read_pooling},
};

}  // namespace

std::span<const LayerType> pooling_types() noexcept {
  return kTypes;
}

}  // namespace refcalib::engine::caffe
