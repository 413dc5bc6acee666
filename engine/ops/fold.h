#pragma once

#include <functional>

#include "engine/ops/op.h"

namespace refcalib::engine {

/// The first `count` inputs as constants, or nullopt if one of them is computed at run time.
std::optional<std::vector<const Constant*>> constant_inputs(const OpInputs& in);

/// A constant of any element type from exact integers or from doubles (rounded to float for float types).
Constant make_constant(DType dtype, Shape shape, const std::vector<double>& values);

/// Elements as doubles: exact for all types but i64/u64 beyond 2^53.
std::vector<double> to_doubles(const Constant& constant);

/// The constant as elements of another type: integers exactly, floats without their fraction (saturating); a
/// boolean is 0 or 1. f16 becomes f32.
Constant converted(const Constant& constant, DType dtype);

/// Element-wise fold of two constants with numpy broadcast.
Constant fold_binary(const Constant& a, const Constant& b, DType out,
                     const std::function<double(double, double)>& f);

/// Gathers elements: result element i is source element index(i).
Constant fold_gather(const Constant& source, Shape shape, const std::vector<std::int64_t>& index);

}  // namespace refcalib::engine
