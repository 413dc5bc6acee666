#include <functional>

#include "engine/ops/pooling.h"
#include "engine/ops/rearrange.h"
#include "engine/ops/resize.h"
#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

/// x -> conv -> …: both carry ranges; the second convolution reads what a case puts in between.
struct Chain : Start {
  Chain() { set(input), set(conv); }
  void set(ValueId id) { quantize_value(b.graph(), id, {0.02F}, 128); }
  /// Ends the network in a convolution of `id`.
  Graph finish_with(ValueId id) {
    b.output(add_convolution(b, "end", id, random_tensor({1, 2, b.graph().value(id).shape[1], 1, 1}, 8), {},
                             convolution(2)));
    return b.finish();
  }
};

std::string placed(const Graph& graph) {
  return ops_of(after(graph, place_int8));
}

DType dtype_after(const Graph& graph, const std::string& name) {
  const Graph result = after(graph, place_int8);
  return result.value(result.find_value(name)).dtype;
}

void keep_float(Graph& graph, ValueId id) {
  graph.node(graph.value(id).producer).hint = PrecisionHint::keep_float;
}

}  // namespace

TEST_CASE("two convolutions in a row pass integers, after one conversion of the input", "[place_int8]") {
  Chain c;
  const Graph graph = c.finish_with(c.conv);
  const Graph result = after(graph, place_int8);
  CHECK(ops_of(result) == "Quantize Convolution Convolution");
  CHECK(result.value(c.conv).dtype == DType::u8);
  CHECK(result.value(result.outputs[0]).dtype == DType::f32);
  CHECK(result.value(c.input).dtype == DType::f32);
  CHECK(result.value(node_named(result, "conv").inputs[1]).quantization->scale.size() == 4);
}

TEST_CASE("a convolution that cannot read integers says why", "[place_int8]") {
  Chain none, hint;
  none.b.graph().value(none.input).quantization.reset();
  keep_float(hint.b.graph(), hint.conv);
  const std::pair<Chain*, const char*> cases[] = {{&none, "its input has no calibrated range"},
                                                  {&hint, "kept in float by the model or the user"}};
  for (const auto& [chain, reason] : cases) {
    const ValueId conv = chain->conv;
    const Graph result = after(chain->finish_with(conv), place_int8);
    // A float convolution still writes integers for the next one.
    CHECK(ops_of(result) == "Convolution Convolution");
    CHECK(result.value(conv).dtype == DType::u8);
    const std::vector<NodeId> order = result.order();
    CHECK(float_reason(result, order[0]) == reason);
    CHECK(float_reason(result, order[1]).empty());
  }
}

TEST_CASE("depthwise convolutions read ranges per channel", "[place_int8]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 4, 5, 5});
  b.output(add_convolution(b, "y", x, random_tensor({4, 1, 1, 3, 3}, 2), {}, convolution(2, 1, 1)));
  quantize_value(b.graph(), x, {0.01F, 0.02F, 0.03F, 0.04F}, 0);
  CHECK(placed(b.finish()) == "Quantize Convolution");
}

TEST_CASE("operations between convolutions run on integers if all of their values have ranges",
          "[place_int8]") {
  struct Case {
    const char* what;
    std::function<ValueId(Chain&)> build;
    const char* with;     ///< with a range of the result
    const char* without;  ///< and without one
  };
  const auto op = [](const char* name, const Attributes& attributes) {
    return [=](Chain& c) { return c.b.add1(name, "mid", attributes, {c.conv}); };
  };
  const Case cases[] = {
      {"max pooling", op("Pooling", Attributes::of(pooling("max", 2, 2))),
       "Quantize Convolution Pooling Convolution", "Convolution Pooling Convolution"},
      {"average pooling", op("Pooling", Attributes::of(pooling("avg", 2, 2))),
       "Quantize Convolution Pooling Convolution", "Convolution Pooling Convolution"},
      {"a sum", [](Chain& c) { return add_eltwise(c.b, "mid", "add", c.conv, c.input); },
       "Quantize Convolution Eltwise Convolution", "Convolution Eltwise Convolution"},
      {"a concatenation",
       [](Chain& c) {
         return c.b.add1("Concat", "mid", Attributes::of(ConcatAttributes{1}), {c.conv, c.input});
       },
       "Quantize Convolution Concat Convolution", "Convolution Concat Convolution"},
      {"a table", [](Chain& c) { return add_activation(c.b, "mid", c.conv, "sigmoid"); },
       "Quantize Convolution Activation Convolution", "Convolution Activation Convolution"},
      {"a float operation", op("Softmax", Attributes::of(SoftmaxAttributes{1, false})),
       "Quantize Convolution Softmax Quantize Convolution", "Convolution Softmax Convolution"}};
  for (const Case& c : cases)
    for (const bool ranged : {true, false}) {
      INFO(c.what << (ranged ? " with" : " without") << " a range");
      Chain chain;
      const ValueId mid = c.build(chain);
      if (ranged) chain.set(mid);
      // Without a range the last convolution reads floats, so nothing wants integers but the first.
      const Graph graph = chain.finish_with(mid);
      const std::string expected = ranged ? c.with : std::string("Quantize ") + c.without;
      CHECK(placed(graph) == expected);
      CHECK(dtype_after(graph, "conv") ==
            (ranged && std::string(c.what) != "a float operation" ? DType::u8 : DType::f32));
      CHECK(dtype_after(graph, "end") == DType::f32);
    }
}

TEST_CASE("every operation of the rules runs on integers behind and in front of a convolution",
          "[place_int8]") {
  struct Case {
    const char *what, *op;
    std::function<ValueId(Chain&)> build;
  };
  const auto one = [](const char* name, auto attributes) {
    return [=](Chain& c) { return c.b.add1(name, "mid", Attributes::of(attributes), {c.conv}); };
  };
  const auto bent = [](const char* function) {
    return [=](Chain& c) { return add_activation(c.b, "mid", c.conv, function); };
  };
  const auto resize = [](const char* mode) {
    ResizeAttributes a;
    a.mode = mode, a.nearest_mode = "floor", a.coordinates = "asymmetric";
    a.shape = {1, 4, 10, 10}, a.scale = {1, 1, 2, 2};
    return a;
  };
  const auto numbers = [](Chain& c, std::vector<std::int64_t> values) {
    return c.b.constant("k", Constant::i64_vector(std::move(values)));
  };
  const Case cases[] = {
      {"maximum pooling", "Pooling", one("Pooling", pooling("max", 2, 3, 2))},
      {"average pooling", "Pooling", one("Pooling", pooling("avg", 2, 2, 1))},
      {"global pooling", "Pooling", one("Pooling", pooling("avg", 2, 5, 1))},
      {"a mean over channels", "Reduce", one("Reduce", ReduceAttributes{"mean", {1}, true})},
      {"a mean over space", "Reduce", one("Reduce", ReduceAttributes{"mean", {2, 3}, true})},
      {"interpolation", "Resize", one("Resize", resize("linear_onnx"))},
      {"repeated pixels", "ResizeNearest", one("ResizeNearest", resize("nearest"))},
      {"padding", "Pad", one("Pad", PadAttributes{{0, 0, 1, 1}, {0, 0, 1, 1}, "constant", 0})},
      {"a permutation", "Transpose", one("Transpose", TransposeAttributes{{0, 1, 3, 2}})},
      {"a part of a split", "Split",
       [](Chain& c) {
         return c.b.add("Split", "mid", Attributes::of(SplitAttributes{1, {1, 3}}), {c.conv}, 2)[1];
       }},
      {"a slice", "StridedSlice",
       [=](Chain& c) {
         return c.b.add1(
             "StridedSlice", "mid", Attributes::of(StridedSliceAttributes{}),
             {c.conv, numbers(c, {0, 1, 0, 0}), numbers(c, {1, 3, 5, 4}), numbers(c, {1, 1, 1, 2})});
       }},
      {"a reshape", "Reshape",
       [=](Chain& c) {
         return c.b.add1("Reshape", "mid", Attributes::of(ReshapeAttributes{}),
                         {c.conv, numbers(c, {1, 20, 5, 1})});
       }},
      {"slopes per channel", "PRelu",
       [](Chain& c) {
         return c.b.add1("PRelu", "mid", Attributes::of(PReluAttributes{}),
                         {c.conv, c.constant("slope", {4}, 9)});
       }},
      {"sigmoid", "Activation", bent("sigmoid")},
      {"h-swish", "Activation", bent("hswish")},
      {"clamp", "Activation", [](Chain& c) { return add_activation(c.b, "mid", c.conv, "clamp", 0, 6); }},
      {"a product", "Eltwise", [](Chain& c) { return add_eltwise(c.b, "mid", "mul", c.conv, c.input); }},
      {"a sum", "Eltwise", [](Chain& c) { return add_eltwise(c.b, "mid", "add", c.conv, c.input); }},
      {"a transposed convolution", "Deconvolution", [](Chain& c) {
         return c.b.add1("Deconvolution", "mid", Attributes::of(convolution(2, 2)),
                         {c.conv, c.constant("w", {1, 4, 3, 2, 2}, 9)});
       }}};
  for (const Case& c : cases) {
    INFO(c.what);
    Chain chain;
    const ValueId mid = c.build(chain);
    for (const ValueId out : chain.b.graph().node(chain.b.graph().value(mid).producer).outputs)
      chain.set(out);
    const Graph graph = chain.finish_with(mid);
    Graph lowered = after(graph, unify_quantization);
    place_int8(lowered);
    CHECK(ops_of(lowered) == std::string("Quantize Convolution ") + c.op + " Convolution");
    CHECK(lowered.value(mid).dtype == DType::u8);
    run_everywhere(graph, {chain.x}, true);
  }
}

TEST_CASE("a hint keeps any operation in float, and the values go round it by conversions", "[place_int8]") {
  Chain c;
  const ValueId mid = c.b.add1("Pooling", "mid", Attributes::of(pooling("max", 2, 2)), {c.conv});
  c.set(mid);
  keep_float(c.b.graph(), mid);
  CHECK(placed(c.finish_with(mid)) == "Quantize Convolution Pooling Quantize Convolution");
}

TEST_CASE("readers of both kinds share one conversion each", "[place_int8]") {
  Chain c;
  for (const char* name : {"a", "b"})
    c.b.output(c.b.add1("Softmax", name, Attributes::of(SoftmaxAttributes{1, false}), {c.conv}));
  for (const char* name : {"c", "d"}) c.b.output(add_unit_convolution(c.b, name, c.conv));
  const Graph result = after(c.b.finish(), place_int8);
  CHECK(ops_of(result) == "Quantize Convolution Dequantize Softmax Softmax Convolution Convolution");
  CHECK(node_named(result, "a").inputs == node_named(result, "b").inputs);
  CHECK(node_named(result, "c").inputs[0] == c.conv);
}

TEST_CASE("a value that is given out stays in float, and integer readers get a converted one",
          "[place_int8]") {
  Chain c;
  c.b.output(c.conv);
  const ValueId conv = c.conv;
  const Graph result = after(c.finish_with(conv), place_int8);
  CHECK(ops_of(result) == "Quantize Convolution Quantize Convolution");
  CHECK(result.value(conv).dtype == DType::f32);
  CHECK(result.outputs[0] == conv);
}

TEST_CASE("the operand of a fused sum is read as stored", "[place_int8]") {
  Chain c;
  const ValueId second =
      add_convolution(c.b, "second", c.conv, random_tensor({1, 4, 4, 1, 1}, 7), {}, convolution(2));
  const ValueId sum = add_eltwise(c.b, "sum", "add", second, c.conv);
  c.set(sum);
  const Graph graph = after(c.finish_with(sum), fuse_sum);
  CHECK(placed(graph) == "Quantize Convolution Convolution Convolution");
  CHECK(dtype_after(graph, "conv") == DType::u8);
  CHECK(dtype_after(graph, "sum") == DType::u8);
}

TEST_CASE("weights that no file gave scales get the largest magnitude of each output", "[place_int8]") {
  for (const bool transposed_weights : {false, true}) {
    GraphBuilder b;
    const Tensor w = random_tensor(transposed_weights ? Shape{3, 5} : Shape{5, 3}, 4);
    const ValueId x = b.input("x", DType::f32, {2, 5});
    MatMulAttributes a;
    a.transpose_b = transposed_weights;
    b.output(b.add1("MatMul", "y", Attributes::of(a), {x, b.constant("w", constant_of(w))}));
    quantize_value(b.graph(), x, {0.02F}, 128);
    const Graph result = after(b.finish(), place_int8);
    const auto& q = result.value(node_named(result, "y").inputs[1]).quantization;
    REQUIRE(q);
    std::vector<float> largest(3, 0.0F);
    for_each_index(w.shape, [&](const Index& at) {
      float& top = largest[static_cast<std::size_t>(at[transposed_weights ? 0 : 1])];
      top = std::max(top, std::fabs(value_at(w, at)));
    });
    for (float& v : largest) v /= 127.0F;
    CHECK(q->scale == largest);
  }
}

TEST_CASE("nothing changes in a network without ranges", "[place_int8]") {
  Start s;
  s.b.output(add_unit_convolution(s.b, "y", s.conv));
  CHECK(placed(s.b.finish()) == "Convolution Convolution");
}
