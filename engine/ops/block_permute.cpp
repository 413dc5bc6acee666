#include <algorithm>

#include "engine/ops/axis_maps.h"
#include "engine/ops/computed.h"
#include "engine/ops/infer.h"
#include "engine/ops/rearrange.h"

namespace refcalib::engine {

std::optional<std::vector<std::size_t>> grouping(const Shape& whole, const Shape& parts) {
  std::vector<std::size_t> counts;
  std::size_t next = 0;
  for (const std::int64_t dim : whole) {
    const std::size_t first = next;
    std::int64_t product = 1;
    while (product != dim) {
      if (next == parts.size() || parts[next] < 1 || product > dim / parts[next]) return std::nullopt;
      product *= parts[next++];
    }
    counts.push_back(next - first);
  }
  for (; next < parts.size(); ++next) {
    if (parts[next] != 1 || counts.empty()) return std::nullopt;
    ++counts.back();
  }
  return counts;
}

namespace {

Shape permuted(const BlockPermuteAttributes& a) {
  Shape shape;
  for (const std::int64_t from : a.order) shape.push_back(a.split[static_cast<std::size_t>(from)]);
  return shape;
}

void check_order(const BlockPermuteAttributes& a) {
  std::vector<std::int64_t> sorted = a.order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    require(sorted[i] == static_cast<std::int64_t>(i), "the order is not a permutation");
  require(sorted.size() == a.split.size(), "the order does not have one entry per dimension");
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& a = attributes.as<BlockPermuteAttributes>();
  check_order(a);
  require(grouping(in.shape(0), a.split).has_value(),
          "dimensions of " + to_string(in.shape(0)) + " do not split into " + to_string(a.split));
  require(grouping(a.merged, permuted(a)).has_value(),
          "dimensions of " + to_string(permuted(a)) + " do not merge into " + to_string(a.merged));
  return {{computed_type(in.dtype(0)), a.merged}};
}

/// Input elements from one index to the next along every dimension of `split`.
std::vector<std::int64_t> split_strides(const Shape& shape, const std::vector<std::int64_t>& strides,
                                        const Shape& split) {
  const std::vector<std::size_t> counts = grouping(shape, split).value_or(std::vector<std::size_t>{});
  std::vector<std::int64_t> result(split.size(), 0);
  std::size_t first = 0;
  for (std::size_t d = 0; d < counts.size(); ++d) {
    std::int64_t stride = strides[d];
    for (std::size_t j = first + counts[d]; j-- > first;) {
      result[j] = stride;
      stride *= split[j];
    }
    first += counts[d];
  }
  return result;
}

AxisMaps maps(const Attributes& attributes, const Shape& shape, const std::vector<std::int64_t>& strides) {
  const auto& a = attributes.as<BlockPermuteAttributes>();
  const std::vector<std::int64_t> from = split_strides(shape, strides, a.split);
  const std::vector<std::size_t> counts =
      grouping(a.merged, permuted(a)).value_or(std::vector<std::size_t>{});
  AxisMaps tables;
  std::size_t next = 0;
  for (const std::size_t count : counts) {
    std::vector<std::int64_t> table{0};
    for (const std::size_t last = next + count; next < last; ++next) {
      const auto factor = static_cast<std::size_t>(a.order[next]);
      std::vector<std::int64_t> finer;
      for (const std::int64_t outer : table)
        for (std::int64_t i = 0; i < a.split[factor]; ++i) finer.push_back(outer + i * from[factor]);
      table = std::move(finer);
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace

extern const OpRecord block_permute_op;
const OpRecord block_permute_op{.name = "BlockPermute",
                                .infer = infer,
                                .fold = fold_by_maps<maps, infer>,
                                .plan = plan_by_maps<maps>,
                                .rule = QuantizationRule::pass,
                                .any_layout = true};

}  // namespace refcalib::engine
