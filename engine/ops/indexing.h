#pragma once

#include <cstdint>
#include <string>

namespace refcalib::engine {

// Indices are of any integer type or floats (truncated). Unless said otherwise negative ones count from the end of the dimension, and
// where one is outside it the result is 0, or nothing is written.

/// "Gather": inputs data, indices; axis >= 0. The first batch_dims dimensions of both are the same and go together:
/// out = data.shape[:axis] + indices.shape[batch_dims:] + data.shape[axis + 1:]. Without `wrap` negative indices are outside.
struct GatherAttributes {
  std::int64_t axis = 0;
  std::int64_t batch_dims = 0;
  bool wrap = true;

  template <class V>
  void visit(V& v) {
    v("axis", axis);
    v("batch_dims", batch_dims);
    v("wrap", wrap);
  }
};

/// "GatherElements": inputs data, indices of the same rank: out[…, i, …] = data[…, indices[…, i, …], …] along axis >= 0.
struct GatherElementsAttributes {
  std::int64_t axis = 0;

  template <class V>
  void visit(V& v) {
    v("axis", axis);
  }
};

/// "GatherND": inputs data, indices; the last dimension of the indices holds coordinates of slices of data behind the batch
/// dimensions, which are the same in both. flatten_batch (version 5): the output has one dimension for all of them.
struct GatherNDAttributes {
  std::int64_t batch_dims = 0;
  bool flatten_batch = false;

  template <class V>
  void visit(V& v) {
    v("batch_dims", batch_dims);
    v("flatten_batch", flatten_batch);
  }
};

/// "ScatterUpdate": inputs data, indices, updates of shape data.shape[:axis] + indices.shape + data.shape[axis + 1:].
/// "ScatterElementsUpdate": inputs data, indices, updates of the shape of the indices.
/// "ScatterNDUpdate": inputs data, indices (coordinates in the last dimension), updates.
/// Updates are applied in their order. reduction: none (the last one stays) | sum | sub | prod | min | max | mean; without
/// use_init_val (ScatterElementsUpdate) the elements of data that are updated do not take part.
struct ScatterAttributes {
  std::int64_t axis = 0;
  std::string reduction = "none";
  bool use_init_val = true;

  template <class V>
  void visit(V& v) {
    v("axis", axis);
    v("reduction", reduction);
    v("use_init_val", use_init_val);
  }
};

/// "OneHot": inputs indices, on value, off value (single elements of one type); a dimension of `depth` is inserted at axis >= 0.
/// Negative indices are outside.
struct OneHotAttributes {
  std::int64_t axis = 0;
  std::int64_t depth = 1;

  template <class V>
  void visit(V& v) {
    v("axis", axis);
    v("depth", depth);
  }
};

/// "ReverseSequence": inputs data, lengths (one per element of the batch axis): the first lengths[b] elements along seq_axis are
/// reversed. Lengths are clamped to the dimension.
struct ReverseSequenceAttributes {
  std::int64_t batch_axis = 0;
  std::int64_t seq_axis = 1;

  template <class V>
  void visit(V& v) {
    v("batch_axis", batch_axis);
    v("seq_axis", seq_axis);
  }
};

}  // namespace refcalib::engine
