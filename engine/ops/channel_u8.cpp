#include "engine/ops/channel_u8.h"

#include "engine/ops/channel_arrays.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/u8_element.h"

namespace refcalib::engine {
namespace {

struct Row {
  const std::uint8_t* from;
  std::uint8_t* to;
  const float *weight, *bias;
  std::int64_t channels;
};

template <bool affine>
void run_row(const Row& row, const U8Range& in, const U8Range& out) noexcept {
  for (std::int64_t c = 0; c < row.channels; ++c) {
    const float x = in.value(row.from[c]);
    const float scaled = x * row.weight[c];
    row.to[c] = out.stored(affine ? scaled + row.bias[c] : x < 0 ? scaled : x);
  }
}

}  // namespace

std::unique_ptr<Step> plan_channels_u8(const TensorRef& in, const TensorRef& out,
                                       const std::vector<float>& weight, const std::vector<float>& bias,
                                       bool affine) {
  const std::int64_t channels = in.channels(), rows = in.pixels();
  const std::int64_t in_stride = in.layout == Layout::channels_last ? in.pixel_stride : channels;
  const std::int64_t out_stride = out.layout == Layout::channels_last ? out.pixel_stride : channels;
  return make_step("channel_u8", [=, w = channel_array(weight, channels), b = channel_array(bias, channels),
                                  from = U8Range(*in.quantization), to = U8Range(*out.quantization),
                                  xw = in.where, yw = out.where](const RunContext& c) noexcept {
    const auto* x = reinterpret_cast<const std::uint8_t*>(c.read(xw));
    auto* y = reinterpret_cast<std::uint8_t*>(c.write(yw));
    c.team.parallel_for(rows, row_grain(channels), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t r = begin; r < end; ++r) {
        const Row row{x + r * in_stride, y + r * out_stride, w.data(), b.data(), channels};
        affine ? run_row<true>(row, from, to) : run_row<false>(row, from, to);
      }
    });
  });
}

}  // namespace refcalib::engine
