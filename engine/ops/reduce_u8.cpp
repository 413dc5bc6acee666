#include "engine/ops/reduce_u8.h"

#include <algorithm>

#include "engine/core/error.h"
#include "engine/ops/axis_view.h"
#include "engine/ops/u8_element.h"

namespace refcalib::engine {
namespace {

constexpr std::int64_t kMostValues = std::int64_t{1} << 23;
constexpr std::int64_t kColumns = 512;  ///< results that are summed side by side

struct Mean {
  U8Range in, out;
  std::int64_t n;

  std::uint8_t of(std::int32_t sum) const noexcept {
    const auto count = static_cast<std::int32_t>(n);
    return out.stored(static_cast<float>(sum - count * in.zero_point) * in.scale / static_cast<float>(n));
  }
};

/// [outer][n][inner] with `count` neighbouring results of one outer index.
void columns(const Mean& mean, const std::uint8_t* x, std::int64_t stride, std::int64_t count,
             std::uint8_t* y) noexcept {
  std::int32_t sums[kColumns];
  std::fill_n(sums, count, 0);
  for (std::int64_t k = 0; k < mean.n; ++k)
    for (std::int64_t i = 0; i < count; ++i) sums[i] += x[k * stride + i];
  for (std::int64_t i = 0; i < count; ++i) y[i] = mean.of(sums[i]);
}

std::unique_ptr<Step> plan_columns(const Mean& mean, std::int64_t outer, std::int64_t inner, Operand from,
                                   Operand to) {
  const std::int64_t pieces = (inner + kColumns - 1) / kColumns;
  return make_step("mean_u8", [=](const RunContext& c) noexcept {
    const auto* x = reinterpret_cast<const std::uint8_t*>(c.read(from));
    auto* y = reinterpret_cast<std::uint8_t*>(c.write(to));
    c.team.parallel_for(outer * pieces, 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t unit = begin; unit < end; ++unit) {
        const std::int64_t o = unit / pieces, first = unit % pieces * kColumns;
        columns(mean, x + o * mean.n * inner + first, inner, std::min(kColumns, inner - first),
                y + o * inner + first);
      }
    });
  });
}

/// Axes without a common stride: offsets of the elements of one mean are listed once.
std::unique_ptr<Step> plan_scattered(const Mean& mean, const OffsetPair& outer, const OffsetPair& element,
                                     Operand from, Operand to) {
  std::vector<std::int64_t> offsets;
  for (std::int64_t k = 0; k < element.count(); ++k) offsets.push_back(element.at(k).from);
  return make_step("mean_u8/scattered", [=](const RunContext& c) noexcept {
    const auto* x = reinterpret_cast<const std::uint8_t*>(c.read(from));
    auto* y = reinterpret_cast<std::uint8_t*>(c.write(to));
    c.team.parallel_for(outer.count(), 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t o = begin; o < end; ++o) {
        const std::uint8_t* base = x + outer.at(o).from;
        std::int32_t sum = 0;
        for (const std::int64_t offset : offsets) sum += base[offset];
        y[o] = mean.of(sum);
      }
    });
  });
}

}  // namespace

std::unique_ptr<Step> plan_mean_u8(const std::vector<bool>& reduced, const TensorRef& in,
                                   const TensorRef& out) {
  const auto first = std::find(reduced.begin(), reduced.end(), true);
  const auto last = std::find(reduced.rbegin(), reduced.rend(), true).base();
  OffsetPair outer_dims, element;
  const std::vector<std::int64_t> strides = element_strides(in);
  std::int64_t outer = 1, n = 1, inner = 1;
  for (std::size_t d = 0; d < reduced.size(); ++d) {
    const auto at = reduced.begin() + static_cast<std::ptrdiff_t>(d);
    (reduced[d] ? element : outer_dims).append(in.shape[d], strides[d], 0);
    if (reduced[d]) n *= in.shape[d];
    if (!reduced[d]) (at < first ? outer : inner) *= in.shape[d];
  }
  if (n < 1 || n > kMostValues)
    throw UnsupportedError("a mean of " + std::to_string(n) + " integers is not supported");
  const Mean mean{U8Range(*in.quantization), U8Range(*out.quantization), n};
  const bool neighbours = first < last && std::find(first, last, false) == last;
  return neighbours ? plan_columns(mean, outer, inner, in.where, out.where)
                    : plan_scattered(mean, outer_dims, element, in.where, out.where);
}

}  // namespace refcalib::engine
