#pragma once

#include <cstdint>
#include <vector>

#include "engine/runtime/step.h"

namespace refcalib::engine {

/// Elements from one index to the next along each dimension of the file order, whatever the memory order.
std::vector<std::int64_t> element_strides(const TensorRef& tensor);

/// Row-major strides of a shape.
std::vector<std::int64_t> plain_strides(const Shape& shape);

/// Strides of an operand along the dimensions of the shape that it is broadcast to: 0 where it is repeated.
std::vector<std::int64_t> broadcast_strides(const TensorRef& operand, const Shape& result);

/// Dimensions of a tensor from the slowest to the fastest in memory.
std::vector<std::size_t> memory_order(const TensorRef& tensor);

/// The tensor as rows of contiguous elements: channels-last [pixels][channels], plain [1][count].
struct RowView {
  std::int64_t rows = 1, length = 1, stride = 1;
};
RowView rows_of(const TensorRef& tensor);
/// Makes one long row of both views, which have equal shapes, if neither has gaps: a row of two channels is too short for vectors.
void join_rows(RowView& a, RowView& b);

}  // namespace refcalib::engine
