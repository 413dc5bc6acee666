#include "engine/ops/rearrange.h"
#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

struct Chain {
  Shape in, split;
  std::vector<std::int64_t> order;
  Shape out;
};

ValueId add_chain(GraphBuilder& b, ValueId x, const Chain& c) {
  const auto reshape = [&](const char* name, ValueId from, const Shape& to) {
    const ValueId shape = b.constant(std::string(name) + "/shape", Constant::i64_vector(to));
    return b.add1("Reshape", name, Attributes::of(ReshapeAttributes{false}), {from, shape});
  };
  const ValueId split = reshape("split", x, c.split);
  return reshape("y", b.add1("Transpose", "moved", Attributes::of(TransposeAttributes{c.order}), {split}),
                 c.out);
}

const Chain shuffle{{1, 12, 4, 5}, {1, 3, 4, 4, 5}, {0, 2, 1, 3, 4}, {1, 12, 4, 5}};

}  // namespace

TEST_CASE("reshapes around a transpose become one block permutation", "[fuse_block_permute]") {
  for (const Chain& c : {shuffle, Chain{{2, 8, 3, 2}, {2, 2, 2, 2, 3, 2}, {0, 3, 4, 1, 5, 2}, {2, 2, 6, 4}},
                         Chain{{2, 3, 4, 6}, {2, 3, 2, 2, 3, 2}, {0, 3, 5, 1, 2, 4}, {2, 12, 2, 3}},
                         Chain{{1, 6, 8}, {1, 6, 2, 4}, {0, 2, 1, 3}, {2, 6, 4}}}) {
    INFO(to_string(c.in) << " " << to_string(c.split));
    GraphBuilder b;
    b.output(add_chain(b, b.input("x", DType::f32, c.in), c));
    check_pass(b.finish(), fuse_block_permute, {random_tensor(c.in, 1)}, "BlockPermute", 0);
  }
}

TEST_CASE("other chains stay", "[fuse_block_permute]") {
  for (const Chain& c :
       {Chain{{1, 12, 4, 5}, {1, 20, 12}, {0, 2, 1}, {1, 12, 20}},   // no split of dimensions
        Chain{{1, 6, 8}, {1, 6, 2, 4}, {0, 2, 1, 3}, {2, 24}},       // another rank
        Chain{{1, 4, 6}, {1, 4, 2, 3}, {0, 2, 1, 3}, {1, 3, 8}}}) {  // no merge of dimensions
    GraphBuilder b;
    b.output(add_chain(b, b.input("x", DType::f32, c.in), c));
    check_pass(b.finish(), fuse_block_permute, {random_tensor(c.in, 1)}, "Reshape Transpose Reshape", 0);
  }
  GraphBuilder b;
  b.output(add_chain(b, b.input("x", DType::f32, shuffle.in), shuffle));
  b.output(b.graph().find_value("moved"));
  check_pass(b.finish(), fuse_block_permute, {random_tensor(shuffle.in, 1)}, "Reshape Transpose Reshape", 0);
}

TEST_CASE("a shuffle between convolutions costs no change of the memory order, and runs on integers",
          "[fuse_block_permute]") {
  GraphBuilder b;
  const ValueId before = add_unit_convolution(b, "before", b.input("x", DType::f32, shuffle.in));
  const ValueId y = add_chain(b, before, shuffle);
  b.output(add_unit_convolution(b, "after", y));
  quantize_value(b.graph(), b.graph().inputs.front(), {0.02F}, 110);
  quantize_value(b.graph(), b.graph().find_value("moved"), {0.02F}, 110);
  const Tensor x = random_tensor(shuffle.in, 2);
  Session session(Program::compile(b.graph(), options_for(Isa::scalar, true)), 1);
  std::string ops;
  for (const StepInfo& step : session.program().steps()) ops += step.op + " ";
  CHECK(ops == "Quantize Convolution BlockPermute Convolution Reorder ");
  const Recorder seen = observe_everywhere(b.finish(), {x});
  CHECK(seen.dtype("y") == DType::u8);
}
