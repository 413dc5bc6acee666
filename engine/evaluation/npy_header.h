#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/core/shape.h"

namespace refcalib::engine {

/// The header of a NumPy .npy file (NEP 1, "A Simple File Format for NumPy Arrays").
struct NpyHeader {
  std::string descr;  ///< element type, for example "<f4"
  bool fortran_order = false;
  Shape shape;
};

/// Parses the dictionary of a header, for example `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3),
/// }`. Throws FormatError that says what is missing or malformed; structured element types are refused.
NpyHeader parse_npy_header(std::string_view dictionary);

/// The first bytes of a .npy file of format 1.0 that holds little-endian float32 in C order, padded with
/// blanks to `size` bytes so that it can be rewritten when the first dimension is known. Throws Error if it
/// does not fit.
std::string npy_preamble(const Shape& shape, std::size_t size);

}  // namespace refcalib::engine
