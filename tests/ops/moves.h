#pragma once

#include "tests/ops/reference.h"

namespace refcalib_test {

/// Runs a moving operation in float, and as u8 between integer layers, in every context; both must give
/// `expected` of the input.
template <class F, class G>
void check_moves(const Tensor& x, F add, G expected_of) {
  const Tensor expected = expected_of(x);
  for (const Context context : kContexts) {
    INFO(name_of(context));
    CHECK(same_bytes(run_in(context, {x},
                            [&](GraphBuilder& b, const std::vector<ValueId>& ids) { return add(b, ids[0]); }),
                     expected.data));
  }
  if (x.shape.size() < 3 || x.shape.size() > 5 || expected.shape.size() < 3 || expected.shape.size() > 5)
    return;
  const Scale scale{{0.021F}, 118};
  Tensor stored = x;
  for (float& v : stored.data) v = scale.stored(v);
  GraphBuilder b;
  const ValueId i = b.input("x", DType::f32, x.shape);
  const ValueId y = add(b, add_unit_convolution(b, "before", i));
  b.output(add_unit_convolution(b, "after", y));
  for (ValueId id = 0; id < b.graph().value_count(); ++id)
    if (!b.graph().value(id).constant) quantize_value(b.graph(), id, scale.scale, scale.zero_point);
  const std::string name = b.graph().value(y).name;
  const Recorder seen = observe_everywhere(b.finish(), {x});
  REQUIRE(seen.has(name));
  CHECK(seen.dtype(name) == DType::u8);
  // The 1x1 convolution in front multiplies by 127 * (1/127): the grid is met again up to its rounding.
  CHECK(deviation(seen.at(name), expected_of(stored).data) < 1e-6);
}

}  // namespace refcalib_test
