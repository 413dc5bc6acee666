#include "engine/ops/strides.h"

#include <algorithm>

namespace refcalib::engine {

std::vector<std::int64_t> plain_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::vector<std::int64_t> element_strides(const TensorRef& tensor) {
  if (tensor.layout == Layout::plain) return plain_strides(tensor.shape);
  std::vector<std::int64_t> strides(tensor.shape.size(), 1);
  std::int64_t stride = tensor.pixel_stride;
  for (std::size_t i = tensor.shape.size(); i-- > 2;) {
    strides[i] = stride;
    stride *= tensor.shape[i];
  }
  strides[0] = stride;
  return strides;
}

std::vector<std::int64_t> broadcast_strides(const TensorRef& operand, const Shape& result) {
  const std::vector<std::int64_t> own = element_strides(operand);
  std::vector<std::int64_t> strides(result.size(), 0);
  const std::size_t offset = result.size() - operand.shape.size();
  for (std::size_t d = 0; d < own.size(); ++d) strides[d + offset] = operand.shape[d] == 1 ? 0 : own[d];
  return strides;
}

std::vector<std::size_t> memory_order(const TensorRef& out) {
  std::vector<std::size_t> order(out.shape.size());
  for (std::size_t d = 0; d < order.size(); ++d) order[d] = d;
  if (out.layout == Layout::channels_last) std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return order;
}

RowView rows_of(const TensorRef& tensor) {
  if (tensor.layout == Layout::plain) return {1, tensor.count(), tensor.count()};
  return {tensor.pixels(), tensor.channels(), tensor.pixel_stride};
}

void join_rows(RowView& a, RowView& b) {
  if (a.stride != a.length || b.stride != b.length) return;
  for (RowView* view : {&a, &b}) *view = {1, view->rows * view->length, view->rows * view->length};
}

}  // namespace refcalib::engine
