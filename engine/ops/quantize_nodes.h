#pragma once

namespace refcalib::engine {

/// Operations that lowering inserts; they have no attributes, the tensors say it all.
/// "Quantize": f32 to u8 by the quantization of its output; may change the memory order on the way.
/// "Dequantize": u8 to f32 by the quantization of its input; may change the memory order on the way.
/// "Reorder": the same values in another memory order.
/// "Reinterpret": the same memory under another order or shape (a view).
struct LoweredAttributes {
  template <class V>
  void visit(V&) {}
};

}  // namespace refcalib::engine
