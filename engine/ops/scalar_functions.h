#pragma once

#include <cstdint>
#include <string>

namespace refcalib::engine {

/// Functions of one element without a vector kernel: plain arithmetic and the C library, compiled once for the
/// baseline, so that they are the same on every instruction set. nullptr for a name that has none.
using FloatFunction = float (*)(float x, float alpha, float beta) noexcept;
FloatFunction find_float_function(const std::string& name) noexcept;

/// The functions whose result for integers (and booleans) is exact; nullptr for others.
using IntegerFunction = std::int64_t (*)(std::int64_t x, double alpha, double beta) noexcept;
IntegerFunction find_integer_function(const std::string& name) noexcept;

/// True for the functions whose results are truth values whatever they read.
bool gives_truth(const std::string& function) noexcept;

}  // namespace refcalib::engine
