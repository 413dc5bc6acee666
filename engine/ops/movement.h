#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace refcalib::engine {

/// "Reshape": inputs x, shape (constant i64/i32/float): 0 copies the dimension of x at that index if special_zero,
/// -1 is inferred. Legacy Flatten, Squeeze, Unsqueeze and opset Squeeze/Unsqueeze become Reshape at the reader.
struct ReshapeAttributes {
  bool special_zero = true;

  template <class V>
  void visit(V& v) {
    v("special_zero", special_zero);
  }
};

/// "Transpose": out.dim[i] = in.dim[order[i]].
struct TransposeAttributes {
  std::vector<std::int64_t> order;

  template <class V>
  void visit(V& v) {
    v("order", order);
  }
};

/// "Concat": any number of inputs, axis >= 0.
struct ConcatAttributes {
  std::int64_t axis = 1;

  template <class V>
  void visit(V& v) {
    v("axis", axis);
  }
};

/// "Split": one input, parts of the given sizes along axis >= 0, one output each.
struct SplitAttributes {
  std::int64_t axis = 1;
  std::vector<std::int64_t> sizes;

  template <class V>
  void visit(V& v) {
    v("axis", axis);
    v("sizes", sizes);
  }
};

/// "StridedSlice": inputs x, begin, end, strides (all constant). Masks as in opset StridedSlice (1 = ignore the value);
/// the reader turns the legacy masks round.
struct StridedSliceAttributes {
  std::vector<std::int64_t> begin_mask, end_mask, new_axis_mask, shrink_axis_mask, ellipsis_mask;

  template <class V>
  void visit(V& v) {
    v("begin_mask", begin_mask);
    v("end_mask", end_mask);
    v("new_axis_mask", new_axis_mask);
    v("shrink_axis_mask", shrink_axis_mask);
    v("ellipsis_mask", ellipsis_mask);
  }
};

/// "Convert" to an element type, by name ("f32", "i64" …).
struct ConvertAttributes {
  std::string to = "f32";

  template <class V>
  void visit(V& v) {
    v("to", to);
  }
};

/// "ShapeOf": i64 vector of the input's dimensions. "Range": inputs start, stop, step (constants) of one type.
struct NoAttributes {
  template <class V>
  void visit(V&) {}
};

/// "Softmax": y = exp(x - max) / sum along axis >= 0; log: its logarithm.
struct SoftmaxAttributes {
  std::int64_t axis = 1;
  bool log = false;

  template <class V>
  void visit(V& v) {
    v("axis", axis);
    v("log", log);
  }
};

}  // namespace refcalib::engine
