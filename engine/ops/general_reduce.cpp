#include "engine/ops/general_reduce.h"

#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "engine/core/error.h"
#include "engine/ops/axis_view.h"
#include "engine/ops/element_block.h"

namespace refcalib::engine {
namespace {

using Whole = std::int64_t;

Whole wrap(std::uint64_t v) noexcept {
  return static_cast<Whole>(v);
}
Whole add(Whole a, Whole b) noexcept {
  return wrap(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
Whole multiply(Whole a, Whole b) noexcept {
  return wrap(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

Whole keep(Whole total, Whole) noexcept {
  return total;
}
Whole average(Whole total, Whole count) noexcept {
  return count == 0 ? 0 : total / count;
}
Whole root(Whole total, Whole) noexcept {
  return total > 0 ? static_cast<Whole>(std::sqrt(static_cast<double>(total))) : 0;
}
Whole logarithm(Whole total, Whole) noexcept {
  return total > 0 ? static_cast<Whole>(std::log(static_cast<double>(total))) : 0;
}
Whole add_square(Whole total, Whole x) noexcept {
  return add(total, multiply(x, x));
}

const std::map<std::string, IntegerReduction, std::less<>>& reductions() {
  using Limits = std::numeric_limits<Whole>;
  static const std::map<std::string, IntegerReduction, std::less<>> table = {
      {"sum", {0, add, keep}},
      {"mean", {0, add, average}},
      {"prod", {1, multiply, keep}},
      {"max", {Limits::min(), [](Whole t, Whole x) noexcept { return x > t ? x : t; }, keep}},
      {"min", {Limits::max(), [](Whole t, Whole x) noexcept { return x < t ? x : t; }, keep}},
      {"l1",
       {0,
        [](Whole t, Whole x) noexcept {
          return x < 0 ? wrap(static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(x)) : add(t, x);
        },
        keep}},
      {"l2", {0, add_square, root}},
      {"sum_square", {0, add_square, keep}},
      {"log_sum", {0, add, logarithm}},
      {"and", {1, [](Whole t, Whole x) noexcept { return Whole{t != 0 && x != 0}; }, keep}},
      {"or", {0, [](Whole t, Whole x) noexcept { return Whole{t != 0 || x != 0}; }, keep}}};
  return table;
}

}  // namespace

bool is_general_reduction(const std::string& operation) noexcept {
  return reductions().contains(operation);
}

const IntegerReduction& integer_reduction(const std::string& operation) {
  return reductions().at(operation);
}

std::unique_ptr<Step> plan_general_reduce(const std::string& operation, const std::vector<bool>& axes,
                                          const TensorRef& in, const TensorRef& out) {
  const IntegerReduction reduction = integer_reduction(operation);
  OffsetPair outer, inner;
  const std::vector<std::int64_t> strides = element_strides(in);
  for (std::size_t d = 0; d < axes.size(); ++d) (axes[d] ? inner : outer).append(in.shape[d], strides[d], 0);
  return make_step("reduce/general", [=, x = in.where, y = out.where, from_type = in.dtype,
                                      to_type = out.dtype](const RunContext& c) noexcept {
    const std::byte* from = c.read(x);
    std::byte* to = c.write(y);
    const auto from_size = static_cast<std::int64_t>(size_of(from_type));
    const auto to_size = static_cast<std::int64_t>(size_of(to_type));
    c.team.parallel_for(outer.count(), 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t o = begin; o < end; ++o) {
        const std::int64_t base = outer.at(o).from;
        Whole total = reduction.neutral;
        for (std::int64_t k = 0; k < inner.count(); ++k) {
          const std::byte* p = from + (base + inner.at(k).from) * from_size;
          Whole element = 0;
          if (from_type == DType::f32)  // only `and` and `or` come here with floats
            element = *reinterpret_cast<const float*>(p) != 0 ? 1 : 0;
          else
            load_block(from_type, p, 0, 1, &element);
          total = reduction.combine(total, element);
        }
        total = reduction.finish(total, inner.count());
        store_block(to_type, to + o * to_size, 0, 1, &total);
      }
    });
  });
}

}  // namespace refcalib::engine
