#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/shape.h"

namespace refcalib::engine {

/// "Pad": one input; every dimension gets `begin` elements in front and `end` behind, or loses them where negative.
/// mode: constant (`value`) | edge (the nearest element) | reflect (mirrored at the border element, pads < dimension) | symmetric
/// (mirrored with the border element, pads <= dimension).
struct PadAttributes {
  std::vector<std::int64_t> begin, end;
  std::string mode = "constant";
  double value = 0;

  template <class V>
  void visit(V& v) {
    v("begin", begin);
    v("end", end);
    v("mode", mode);
    v("value", value);
  }
};

/// "Tile": one input; repeats[d] copies along every dimension.
struct TileAttributes {
  std::vector<std::int64_t> repeats;

  template <class V>
  void visit(V& v) {
    v("repeats", repeats);
  }
};

/// "Broadcast": one input of the rank of `shape`; dimensions of 1 are repeated.
struct BroadcastAttributes {
  Shape shape;

  template <class V>
  void visit(V& v) {
    v("shape", shape);
  }
};

/// "Roll": one input; out[i] = in[(i - shift[d]) mod dimension] along every dimension.
struct RollAttributes {
  std::vector<std::int64_t> shift;

  template <class V>
  void visit(V& v) {
    v("shift", shift);
  }
};

/// "BlockPermute": one input, seen as the shape `split`, its dimensions permuted (dimension i of the result is dimension order[i]), and the
/// result seen as `merged`. Every dimension of the input is a product of neighbours in `split`, every dimension of the output a
/// product of neighbours behind the permutation. Depth-to-space, space-to-depth, channel shuffling and moving blocks
/// between space and batch are of this form.
struct BlockPermuteAttributes {
  Shape split;
  std::vector<std::int64_t> order;
  Shape merged;

  template <class V>
  void visit(V& v) {
    v("split", split);
    v("order", order);
    v("merged", merged);
  }
};

/// For each dimension of `whole` the number of neighbours in `parts` whose product it is; nullopt if there is no such grouping.
/// Dimensions of 1 may belong to either neighbour.
std::optional<std::vector<std::size_t>> grouping(const Shape& whole, const Shape& parts);

}  // namespace refcalib::engine
