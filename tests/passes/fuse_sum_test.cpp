#include <functional>

#include "tests/passes/pass_case.h"

using namespace refcalib_test;

TEST_CASE("the addition of another tensor moves into the convolution", "[fuse_sum]") {
  for (const bool first : {false, true})
    for (const bool bias : {false, true}) {
      Start s(4, bias);
      s.b.output(add_eltwise(s.b, "sum", "add", first ? s.input : s.conv, first ? s.conv : s.input));
      const Graph result = check_pass(s.b.finish(), fuse_sum, {s.x}, "Convolution");
      const Node& conv = node_named(result, "conv");
      CHECK(conv.attributes.as<ConvolutionAttributes>().residual);
      REQUIRE(conv.inputs.size() == 4);
      CHECK(conv.inputs[3] == s.input);
    }
}

TEST_CASE("of two convolutions the later one takes the sum", "[fuse_sum]") {
  Start s;
  const ValueId second =
      add_convolution(s.b, "second", s.input, random_tensor({1, 4, 4, 1, 1}, 7), {}, convolution(2));
  s.b.output(add_eltwise(s.b, "sum", "add", second, s.conv));
  const Graph result = check_pass(s.b.finish(), fuse_sum, {s.x}, "Convolution Convolution");
  CHECK_FALSE(node_named(result, "conv").attributes.as<ConvolutionAttributes>().residual);
  CHECK(node_named(result, "second").attributes.as<ConvolutionAttributes>().residual);
}

TEST_CASE("the activation of the addition comes along", "[fuse_sum]") {
  Start s;
  EltwiseAttributes add{"add", {}};
  add.activation.low = 0;
  add.activation.high = 2;
  s.b.output(s.b.add1("Eltwise", "sum", Attributes::of(add), {s.conv, s.input}));
  const Graph result = check_pass(s.b.finish(), fuse_sum, {s.x}, "Convolution");
  CHECK(node_named(result, "conv").attributes.as<ConvolutionAttributes>().activation.high == 2);
}

TEST_CASE("sums that a convolution cannot take stay additions", "[fuse_sum]") {
  struct Case {
    const char* what;
    std::function<void(Start&)> build;
    const char* ops;
  };
  const Case cases[] = {
      {"the other operand is computed later",
       [](Start& s) {
         const ValueId later = add_activation(s.b, "later", s.input, "abs");
         s.b.output(add_eltwise(s.b, "sum", "add", s.conv, later));
       },
       "Convolution Activation Eltwise"},
      {"another operation", [](Start& s) { s.b.output(add_eltwise(s.b, "sum", "mul", s.conv, s.input)); },
       "Convolution Eltwise"},
      {"the value itself", [](Start& s) { s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.conv)); },
       "Convolution Eltwise"},
      {"a constant",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.constant("k", {1, 4, 5, 5}, 5)));
       },
       "Convolution Eltwise"},
      {"an operand that is broadcast",
       [](Start& s) {
         const ValueId mean = s.b.add1("Pooling", "mean", Attributes::of(pooling("avg", 2, 5)), {s.input});
         const ValueId conv = add_convolution(s.b, "second", s.input, s.w, {}, convolution(2, 1, 1));
         s.b.output(s.conv);
         s.b.output(add_eltwise(s.b, "sum", "add", conv, mean));
       },
       "Convolution Pooling Convolution Eltwise"},
      {"a convolution that is given out",
       [](Start& s) {
         s.b.output(s.conv);
         s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.input));
       },
       "Convolution Eltwise"},
      {"a convolution with two readers",
       [](Start& s) {
         s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.input));
         s.b.output(add_activation(s.b, "abs", s.conv, "abs"));
       },
       "Convolution Eltwise Activation"}};
  for (const Case& c : cases) {
    INFO(c.what);
    Start s;
    c.build(s);
    check_pass(s.b.finish(), fuse_sum, {s.x}, c.ops);
  }
}

TEST_CASE("a convolution takes one sum, and none behind an activation", "[fuse_sum]") {
  Start twice;
  const ValueId once = add_eltwise(twice.b, "once", "add", twice.conv, twice.input);
  twice.b.output(add_eltwise(twice.b, "twice", "add", once, twice.input));
  check_pass(twice.b.finish(), fuse_sum, {twice.x}, "Convolution Eltwise");

  Start bent;
  ConvolutionAttributes relu = convolution(2, 1, 1);
  relu.activation.low = 0;
  const ValueId conv = add_convolution(bent.b, "bent", bent.input, bent.w, {}, relu);
  bent.b.output(bent.conv);
  bent.b.output(add_eltwise(bent.b, "sum", "add", conv, bent.input));
  check_pass(bent.b.finish(), fuse_sum, {bent.x}, "Convolution Convolution Eltwise");
}

TEST_CASE("a range of the convolution alone is not needed once the sum is taken inside", "[fuse_sum]") {
  // Tools state ranges for both operands; the unrounded sum is the more exact one, and no value is stored there.
  Start s;
  s.b.output(add_eltwise(s.b, "sum", "add", s.conv, s.input));
  quantize_value(s.b.graph(), s.conv, {0.1F}, 128);
  CHECK(ops_of(after(s.b.finish(), fuse_sum)) == "Convolution");
}
