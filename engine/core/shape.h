#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace refcalib::engine {

/// Dimensions, outermost first, in the order of the model file (N, C, spatial…). An empty shape is a scalar.
using Shape = std::vector<std::int64_t>;

/// Product of the dimensions. Throws Error when a dimension is negative or the product leaves 2^40.
std::int64_t element_count(const Shape& shape);

/// "[1,3,224,224]"
std::string to_string(const Shape& shape);

}  // namespace refcalib::engine
