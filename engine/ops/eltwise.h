#pragma once

#include <array>
#include <string>

#include "engine/ops/activation.h"

namespace refcalib::engine {

/// "Eltwise": two inputs with numpy broadcast. operation: add | sub | mul | div (of integers: rounded down) |
/// div_truncated | max | min | squared_difference | pow | prelu (a < 0 ? a * b : a) | mod (sign of a) | floor_mod (sign of b) |
/// equal | not_equal | less | less_equal | greater | greater_equal | logical_and | logical_or | logical_xor (these give
/// booleans) | bitwise_and | bitwise_or | bitwise_xor (of integers or booleans). Integers of any width stay
/// integers; an integer and a float give a float.
struct EltwiseAttributes {
  std::string operation = "add";
  FusedActivation activation;
  /// Inputs that the file rounds to a grid in front of the operation (a FakeQuantize): they may not be computed any finer. A mark of
  /// absorb_fake_quantize for fuse_sum; no property of the file's layer, so it is not listed.
  std::array<bool, 2> rounded{};

  template <class V>
  void visit(V& v) {
    v("operation", operation);
    activation.visit(v);
  }
};

/// "ChannelAffine": inputs x [N, C, …], scale [C] or [1], shift [C] or [1]: y = x * scale[c] + shift[c]. Legacy ScaleShift, Power with
/// exponent 1, and batch normalization, whose constants the reader computes.
struct ChannelAffineAttributes {
  template <class V>
  void visit(V&) {}
};

/// "FakeQuantize": inputs x, input_low, input_high, output_low, output_high.
struct FakeQuantizeAttributes {
  std::int64_t levels = 256;

  template <class V>
  void visit(V& v) {
    v("levels", levels);
  }
};

}  // namespace refcalib::engine
