#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/runtime/step.h"

namespace refcalib::engine {

/// True if elements of integer or boolean type can be reduced by the operation.
bool is_general_reduction(const std::string& operation) noexcept;

/// Reduction of any element type over any axes of a plain tensor, as a loop over gathered elements. Integers are
/// summed and multiplied in 64 bits (wrapping to the output's type), a mean drops its fraction; `l2` and `log_sum`
/// of integers go by way of floats. `and` and `or` give 0 or 1.
std::unique_ptr<Step> plan_general_reduce(const std::string& operation, const std::vector<bool>& axes,
                                          const TensorRef& in, const TensorRef& out);

/// How integers are reduced: total = combine(total, element) from `neutral`, then finish(total, count).
struct IntegerReduction {
  std::int64_t neutral;
  std::int64_t (*combine)(std::int64_t total, std::int64_t x) noexcept;
  std::int64_t (*finish)(std::int64_t total, std::int64_t count) noexcept;
};
/// Of an operation for which is_general_reduction() holds.
const IntegerReduction& integer_reduction(const std::string& operation);

}  // namespace refcalib::engine
