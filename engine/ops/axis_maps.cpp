#include "engine/ops/axis_maps.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/core/error.h"
#include "engine/kernels/axis_copy/axis_copy.h"
#include "engine/ops/computed.h"
#include "engine/ops/fold.h"
#include "engine/ops/lambda_step.h"

namespace refcalib::engine {
namespace {

static_assert(kFill == kernels::AxisTable::fill);

/// A guard against damaged files: tables of this length need 128 MiB.
constexpr std::int64_t kLongestAxis = std::int64_t{1} << 24;

std::array<std::byte, 8> fill_bytes(const TensorRef& out, double value) {
  std::array<std::byte, 8> bytes{};
  if (out.quantization != nullptr) {
    bytes[0] = static_cast<std::byte>(out.quantization->zero_point);
    return bytes;
  }
  const Constant constant = make_constant(out.dtype, {1}, {value});
  std::memcpy(bytes.data(), constant.bytes().data(), constant.bytes().size());
  return bytes;
}

}  // namespace

std::vector<std::int64_t> kept(std::int64_t extent, std::int64_t stride) {
  std::vector<std::int64_t> table(static_cast<std::size_t>(extent));
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<std::int64_t>(i) * stride;
  return table;
}

Constant fold_maps(const Constant& source, const Attributes& attributes, MakeMaps make_maps, Shape shape,
                   double fill) {
  const auto count = static_cast<std::size_t>(element_count(shape));
  const AxisMaps maps =
      count == 0 ? AxisMaps{} : make_maps(attributes, source.shape(), plain_strides(source.shape()));
  // The fill value is the element behind the last one.
  std::vector<double> values{fill};
  const std::size_t size = size_of(source.dtype());
  std::vector<std::byte> bytes(source.bytes().begin(), source.bytes().end());
  const Constant fill_value = make_constant(source.dtype(), {1}, values);
  std::vector<std::byte> extra(size);
  if (source.dtype() == DType::f16) {
    const std::uint16_t half = float_to_half(static_cast<float>(fill));
    std::memcpy(extra.data(), &half, size);
  } else {
    std::memcpy(extra.data(), fill_value.bytes().data(), size);
  }
  bytes.insert(bytes.end(), extra.begin(), extra.end());
  const Constant extended(source.dtype(), {source.count() + 1}, bytes, nullptr);
  std::vector<std::int64_t> index(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t position = 0;
    bool filled = false;
    std::size_t rest = i;
    for (std::size_t d = maps.size(); d-- > 0;) {
      const std::int64_t from = maps[d][rest % maps[d].size()];
      rest /= maps[d].size();
      filled = filled || from < 0;
      position += from;
    }
    index[i] = filled ? source.count() : position;
  }
  return fold_gather(extended, std::move(shape), index);
}

std::unique_ptr<Step> plan_maps(const Node& node, PlanContext& context, MakeMaps maps, double fill) {
  const TensorRef in = stored_tensor(context, node.inputs[0]), out = context.tensor(node.outputs[0]);
  if (out.shape.size() > kernels::AxisCopy::max_rank)
    throw UnsupportedError("tensors of more than 12 dimensions are not supported");
  for (const std::int64_t dim : out.shape)
    if (dim > kLongestAxis)
      throw UnsupportedError("a dimension of " + std::to_string(dim) + " is too long to be moved");
  AxisMaps tables = maps(node.attributes, in.shape, element_strides(in));
  const std::vector<std::int64_t> strides = element_strides(out);
  std::vector<kernels::AxisTable> axes;
  for (const std::size_t d : memory_order(out)) axes.push_back({std::move(tables[d]), strides[d]});
  kernels::AxisCopy copy(std::move(axes), static_cast<int>(size_of(out.dtype)), fill_bytes(out, fill));
  return make_step(
      "axis_copy", [copy = std::move(copy), from = in.where, to = out.where](const RunContext& c) noexcept {
        const std::byte* input = c.read(from);
        std::byte* output = c.write(to);
        c.team.parallel_for(
            copy.work_items(), row_grain(copy.row_bytes()),
            [&](std::int64_t begin, std::int64_t end, int) { copy.run(input, output, begin, end); });
      });
}

}  // namespace refcalib::engine
