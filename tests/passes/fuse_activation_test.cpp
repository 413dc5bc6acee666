#include <functional>

#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

ValueId add_prelu(GraphBuilder& b, const std::string& name, ValueId x, std::int64_t slopes) {
  return b.add1("PRelu", name, Attributes::of(PReluAttributes{}),
                {x, b.constant(name + "/slope", constant_of(random_tensor({slopes}, 9, 0, 1)))});
}

struct Case {
  const char* what;
  std::function<ValueId(GraphBuilder&, ValueId)> add;
  bool bends;  ///< has slopes, which additions do not take
};

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"relu", [](GraphBuilder& b, ValueId x) { return add_activation(b, "y", x, "relu"); }, false},
      {"clamp", [](GraphBuilder& b, ValueId x) { return add_activation(b, "y", x, "clamp", -0.5, 1.5); },
       false},
      {"leaky relu", [](GraphBuilder& b, ValueId x) { return add_activation(b, "y", x, "leaky_relu", 0.1); },
       true},
      {"one slope", [](GraphBuilder& b, ValueId x) { return add_prelu(b, "y", x, 1); }, true},
      {"slopes", [](GraphBuilder& b, ValueId x) { return add_prelu(b, "y", x, 4); }, true}};
  return table;
}

}  // namespace

TEST_CASE("activations move into convolutions", "[fuse_activation]") {
  for (const Case& c : cases())
    for (const bool bias : {false, true}) {
      INFO(c.what << " bias " << bias);
      Start s(4, bias);
      s.b.output(c.add(s.b, s.conv));
      check_pass(s.b.finish(), fuse_activation, {s.x}, "Convolution");
    }
}

TEST_CASE("activations move into matrix products, slopes into those of two dimensions", "[fuse_activation]") {
  for (const Case& c : cases())
    for (const Shape& shape : {Shape{3, 6}, Shape{2, 4, 6}}) {
      INFO(c.what << " " << to_string(shape));
      GraphBuilder b;
      const Tensor x = random_tensor(shape, 1);
      const ValueId w = b.constant("w", constant_of(random_tensor({6, 4}, 2)));
      b.output(c.add(b, b.add1("MatMul", "product", Attributes::of(MatMulAttributes{}),
                               {b.input("x", DType::f32, shape), w})));
      const std::string own =
          std::string(c.what).find("slope") == std::string::npos ? "MatMul Activation" : "MatMul PRelu";
      check_pass(b.finish(), fuse_activation, {x}, c.bends && shape.size() == 3 ? own : "MatMul");
    }
}

TEST_CASE("bounds move into element-wise operations, slopes do not", "[fuse_activation]") {
  for (const Case& c : cases()) {
    INFO(c.what);
    GraphBuilder b;
    const Tensor x = random_tensor({1, 4, 3, 3}, 1), y = random_tensor({1, 4, 3, 3}, 2);
    const ValueId i = b.input("x", DType::f32, x.shape), j = b.input("y", DType::f32, y.shape);
    b.output(c.add(b, add_eltwise(b, "product", "mul", i, j)));
    const std::string own =
        std::string(c.what).find("slope") == std::string::npos ? "Eltwise Activation" : "Eltwise PRelu";
    check_pass(b.finish(), fuse_activation, {x, y}, c.bends ? own : "Eltwise", 0);
  }
}

TEST_CASE("activations that cannot be fused stay", "[fuse_activation]") {
  struct Bad {
    const char* what;
    std::function<void(Start&)> build;
    const char* ops;
  };
  const Bad bad[] = {
      {"a function with no place in the kernels",
       [](Start& s) { s.b.output(add_activation(s.b, "y", s.conv, "tanh")); }, "Convolution Activation"},
      {"the second of two",
       [](Start& s) {
         s.b.output(add_activation(s.b, "y", add_activation(s.b, "r", s.conv, "relu"), "clamp", 1, 2));
       },
       "Convolution Activation"},
      {"a network output in between",
       [](Start& s) {
         s.b.output(s.conv);
         s.b.output(add_activation(s.b, "y", s.conv, "relu"));
       },
       "Convolution Activation"},
      {"two readers",
       [](Start& s) {
         s.b.output(add_activation(s.b, "y", s.conv, "relu"));
         s.b.output(add_activation(s.b, "z", s.conv, "relu"));
       },
       "Convolution Activation Activation"},
      {"a value stored in integers in between",
       [](Start& s) {
         s.b.output(add_activation(s.b, "y", s.conv, "relu"));
         quantize_value(s.b.graph(), s.conv, {0.1F}, 128);
       },
       "Convolution Activation"},
      {"another operation in front",
       [](Start& s) {
         s.b.output(add_activation(
             s.b, "y", s.b.add1("Pooling", "p", Attributes::of(pooling("max", 2, 2)), {s.conv}), "relu"));
       },
       "Convolution Pooling Activation"}};
  for (const Bad& c : bad) {
    INFO(c.what);
    Start s;
    c.build(s);
    check_pass(s.b.finish(), fuse_activation, {s.x}, c.ops);
  }
}
