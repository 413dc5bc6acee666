#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

Layout layout_of(const Graph& graph, const std::string& value) {
  return graph.value(graph.find_value(value)).layout;
}

}  // namespace

TEST_CASE("convolutions run channels-last, inputs and outputs are plain", "[assign_layout]") {
  Start s;
  const ValueId r = add_activation(s.b, "r", s.conv, "tanh");
  s.b.output(add_convolution(s.b, "second", r, s.w, {}, convolution(2, 1, 1)));
  const Graph graph = after(s.b.finish(), assign_layout);
  CHECK(ops_of(graph) == "Reorder Convolution Activation Convolution Reorder");
  CHECK(layout_of(graph, "x") == Layout::plain);
  CHECK(layout_of(graph, "conv") == Layout::channels_last);
  CHECK(layout_of(graph, "r") == Layout::channels_last);
  CHECK(graph.value(graph.outputs[0]).layout == Layout::plain);
}

TEST_CASE("a value is reordered once for all of its readers", "[assign_layout]") {
  Start s;
  s.b.output(add_convolution(s.b, "second", s.input, s.w, {}, convolution(2, 1, 1)));
  s.b.output(s.b.add1("Softmax", "a", Attributes::of(SoftmaxAttributes{1, false}), {s.conv}));
  s.b.output(s.b.add1("Softmax", "b", Attributes::of(SoftmaxAttributes{2, false}), {s.conv}));
  s.b.output(s.conv);
  const Graph graph = after(s.b.finish(), assign_layout);
  CHECK(ops_of(graph) == "Reorder Convolution Convolution Reorder Softmax Softmax Reorder");
  CHECK(node_named(graph, "a").inputs == node_named(graph, "b").inputs);
  CHECK(graph.outputs[3] == node_named(graph, "a").inputs[0]);
}

TEST_CASE("where both orders are the same bytes a view is enough", "[assign_layout]") {
  for (const Shape& shape : {Shape{2, 7, 1, 1}, Shape{2, 1, 5, 5}, Shape{3, 4, 1}}) {
    INFO(to_string(shape));
    GraphBuilder b;
    b.output(add_identity(b, "y", b.input("x", DType::f32, shape)));
    const Graph graph = after(b.finish(), assign_layout);
    CHECK(ops_of(graph) == "Reinterpret Pooling Reinterpret");
    const Tensor x = random_tensor(shape, 1);
    CHECK(run_everywhere(graph, {x}).front() == x.data);
  }
}

TEST_CASE("a transpose to N, spatial, C of channels-last data is a view", "[assign_layout]") {
  struct Case {
    std::vector<std::int64_t> order;
    const char* ops;
  };
  for (const Case& c : {Case{{0, 2, 3, 1}, "Reorder Pooling Reinterpret Softmax"},
                        Case{{0, 3, 1, 2}, "Reorder Pooling Reorder Transpose Softmax"}}) {
    const Tensor x = random_tensor({2, 3, 4, 5}, 1);
    GraphBuilder b;
    const ValueId y = b.add1("Transpose", "y", Attributes::of(TransposeAttributes{c.order}),
                             {add_identity(b, "in", b.input("x", DType::f32, x.shape))});
    b.output(b.add1("Softmax", "z", Attributes::of(SoftmaxAttributes{1, false}), {y}));
    const Graph graph = b.finish();
    CHECK(ops_of(after(graph, assign_layout)) == c.ops);
    GraphBuilder plain;
    const ValueId t = plain.input("t", DType::f32, transposed(x, c.order).shape);
    plain.output(plain.add1("Softmax", "z", Attributes::of(SoftmaxAttributes{1, false}), {t}));
    CHECK(run_everywhere(graph, {x}) == run_everywhere(plain.finish(), {transposed(x, c.order)}));
  }
}

TEST_CASE("element-wise operations take the order of their operands, plain where ranks differ",
          "[assign_layout]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 4, 3, 5});
  const ValueId pixels = add_identity(b, "pixels", x);
  b.output(add_eltwise(b, "same", "add", pixels, x));
  b.output(add_eltwise(b, "lower", "add", pixels, b.input("row", DType::f32, {5})));
  b.output(add_activation(b, "plain", x, "tanh"));
  const Graph graph = after(b.finish(), assign_layout);
  CHECK(layout_of(graph, "same") == Layout::channels_last);
  CHECK(layout_of(graph, "lower") == Layout::plain);
  CHECK(layout_of(graph, "plain") == Layout::plain);
}

TEST_CASE("conversions of precision make channels-last integers and plain floats on the way",
          "[assign_layout]") {
  Start s;
  s.b.output(add_unit_convolution(s.b, "second", s.conv));
  s.b.output(s.b.add1("Softmax", "soft", Attributes::of(SoftmaxAttributes{1, false}), {s.conv}));
  for (const ValueId id : {s.input, s.conv}) quantize_value(s.b.graph(), id, {0.05F}, 128);
  const Graph graph = after(after(s.b.finish(), place_int8), assign_layout);
  CHECK(ops_of(graph) == "Quantize Convolution Convolution Dequantize Softmax Reorder");
  CHECK(layout_of(graph, "x/u8") == Layout::channels_last);
  CHECK(layout_of(graph, "conv/f32") == Layout::plain);
}

TEST_CASE("a channels-last operation on a constant is an error that names the layer", "[assign_layout]") {
  GraphBuilder b;
  const ValueId k = b.constant("k", constant_of(random_tensor({1, 2, 3, 3}, 1)));
  b.output(add_identity(b, "layer", k));
  Graph graph = b.finish();
  CHECK_THROWS_WITH(assign_layout(graph),
                    Contains("layer 'layer': operation 'Pooling' of a constant is not supported"));
}
