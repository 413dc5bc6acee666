#include <functional>

#include "tests/passes/pass_case.h"

using namespace refcalib_test;

TEST_CASE("the addition of a constant per channel becomes the bias of a convolution", "[fuse_bias]") {
  for (const Shape& shape : {Shape{1, 4, 1, 1}, Shape{4, 1, 1}, Shape{}, Shape{1}, Shape{1, 1, 1, 1}})
    for (const bool first : {false, true})
      for (const bool bias : {false, true}) {
        INFO(to_string(shape) << " constant first " << first << " bias " << bias);
        Start s(4, bias);
        const ValueId k = s.constant("k", shape, 5);
        s.b.output(add_eltwise(s.b, "sum", "add", first ? k : s.conv, first ? s.conv : k));
        const Graph result = check_pass(s.b.finish(), fuse_bias, {s.x}, "Convolution");
        CHECK(node_named(result, "conv").inputs.size() == 3);
      }
}

TEST_CASE("the addition of a row becomes the bias of a matrix product", "[fuse_bias]") {
  for (const Shape& shape : {Shape{6}, Shape{1, 6}, Shape{}}) {
    INFO(to_string(shape));
    GraphBuilder b;
    const Tensor x = random_tensor({3, 5}, 1);
    const ValueId w = b.constant("w", constant_of(random_tensor({5, 6}, 2)));
    const ValueId y =
        b.add1("MatMul", "y", Attributes::of(MatMulAttributes{}), {b.input("x", DType::f32, x.shape), w});
    b.output(add_eltwise(b, "sum", "add", y, b.constant("k", constant_of(random_tensor(shape, 3)))));
    check_pass(b.finish(), fuse_bias, {x}, "MatMul");
  }
}

TEST_CASE("what is no bias stays an addition", "[fuse_bias]") {
  struct Case {
    const char* what;
    std::function<void(Start&)> build;
    const char* ops;
  };
  const Case cases[] = {
      {"a constant that varies over the image",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.constant("k", {1, 4, 5, 5}, 5)));
       },
       "Convolution Eltwise"},
      {"a constant along the last dimension",
       [](Start& s) { s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.constant("k", {5}, 5))); },
       "Convolution Eltwise"},
      {"a subtraction",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "sum", "sub", s.conv, s.constant("k", {1, 4, 1, 1}, 5)));
       },
       "Convolution Eltwise"},
      {"a convolution whose value is given out",
       [](Start& s) {
         s.b.output(s.conv);
         s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.constant("k", {1, 4, 1, 1}, 5)));
       },
       "Convolution Eltwise"},
      {"a convolution with a second reader",
       [](Start& s) {
         s.b.output(add_activation(s.b, "abs", s.conv, "abs"));
         s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.constant("k", {1, 4, 1, 1}, 5)));
       },
       "Convolution Activation Eltwise"},
      {"a constant that makes the result larger",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.constant("k", {3, 4, 1, 1}, 5)));
       },
       "Convolution Eltwise"},
      {"a value stored in integers in between",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.constant("k", {1, 4, 1, 1}, 5)));
         quantize_value(s.b.graph(), s.conv, {0.1F}, 128);
       },
       "Convolution Eltwise"},
      {"an activation in between, fused or not",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "sum", "add", add_activation(s.b, "r", s.conv, "relu"),
                                s.constant("k", {1, 4, 1, 1}, 5)));
       },
       "Convolution Activation Eltwise"}};
  for (const Case& c : cases) {
    INFO(c.what);
    Start s;
    c.build(s);
    check_pass(s.b.finish(), fuse_bias, {s.x}, c.ops);
  }
}

TEST_CASE("a constant that two additions share serves both", "[fuse_bias]") {
  Start s;
  const ValueId second = add_convolution(s.b, "conv2", s.input, s.w, {}, convolution(2, 1, 1));
  const ValueId k = s.constant("k", {1, 4, 1, 1}, 5);
  s.b.output(add_eltwise(s.b, "sum", "add", s.conv, k));
  s.b.output(add_eltwise(s.b, "sum2", "add", k, second));
  check_pass(s.b.finish(), fuse_bias, {s.x}, "Convolution Convolution");
}

TEST_CASE("additions in a row end up in one bias", "[fuse_bias]") {
  Start s;
  const ValueId once = add_eltwise(s.b, "once", "add", s.conv, s.constant("k", {1, 4, 1, 1}, 5));
  s.b.output(add_eltwise(s.b, "twice", "add", s.constant("l", {}, 6), once));
  check_pass(s.b.finish(), fuse_bias, {s.x}, "Convolution");
}
