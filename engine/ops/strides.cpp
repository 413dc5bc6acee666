#include "engine/ops/strides.h"

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

RowView rows_of(const TensorRef& tensor) {
  if (tensor.layout == Layout::plain) return {1, tensor.count(), tensor.count()};
  return {tensor.pixels(), tensor.channels(), tensor.pixel_stride};
}

}  // namespace refcalib::engine
