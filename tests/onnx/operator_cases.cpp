#include "tests/onnx/operator_cases.h"

#include <functional>

namespace refcalib_test {
namespace {

using refcalib::engine::Shape;

Floats numbers(std::size_t count, float scale = 0.25F) {
  Floats values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>(static_cast<int>((i * 29 + 5) % 17) - 8) * scale);
  return values;
}

/// One operator of input x and the constants that `add` puts into the model; the names of further inputs follow.
class Cases {
 public:
  void add(const std::string& name, int opset, const std::string& type, const Shape& shape,
           const OnnxAttributes& attributes, const std::vector<std::string>& further,
           const std::function<void(OnnxModel&)>& constants,
           const std::vector<std::string>& outputs = {"y"}) {
    OnnxModel model(opset);
    model.input("x", shape);
    constants(model);
    std::vector<std::string> inputs{"x"};
    inputs.insert(inputs.end(), further.begin(), further.end());
    model.node(type, inputs, outputs, attributes);
    for (const std::string& output : outputs) model.output(output);
    list.push_back({name, std::move(model)});
  }
  void add(const std::string& name, int opset, const std::string& type, const Shape& shape,
           const OnnxAttributes& attributes = {}) {
    add(name, opset, type, shape, attributes, {}, [](OnnxModel&) {});
  }
  void add(const std::string& name, OnnxModel model) { list.push_back({name, std::move(model)}); }

  std::vector<OperatorCase> list;
};

void add_activations(Cases& c) {
  const Shape s{1, 2, 3, 3};
  for (const char* type :
       {"Relu", "Sigmoid",     "Tanh",      "Softplus", "Softsign",       "Exp",       "Erf",
        "Abs",  "Neg",         "Sign",      "Floor",    "Ceil",           "Round",     "Sin",
        "Cos",  "Atan",        "Sinh",      "Cosh",     "Asinh",          "HardSwish", "Elu",
        "Selu", "HardSigmoid", "LeakyRelu", "Celu",     "ThresholdedRelu"})
    c.add(type, 14, type, s);
  c.add("Mish", 18, "Mish", s);
  c.add("Gelu", 20, "Gelu", s);
  c.add("Gelu tanh", 20, "Gelu", s, {attribute("approximate", "tanh")});
  c.add("Elu 0.5", 7, "Elu", s, {attribute("alpha", 0.5F)});
  c.add("Celu 0.5", 12, "Celu", s, {attribute("alpha", 0.5F)});
  c.add("LeakyRelu 0.3", 7, "LeakyRelu", s, {attribute("alpha", 0.3F)});
  c.add("HardSigmoid 0.3", 7, "HardSigmoid", s, {attribute("alpha", 0.3F), attribute("beta", 0.4F)});
  c.add("Clip 6", 7, "Clip", s, {attribute("min", -1.0F), attribute("max", 2.0F)});
  c.add("Clip relu", 7, "Clip", s, {attribute("min", 0.0F)});
  c.add("Clip inputs", 11, "Clip", s, {}, {"lo", "hi"},
        [](OnnxModel& m) { m.f32("lo", {}, {-1}).f32("hi", {}, {1.5F}); });
  c.add("Clip upper", 13, "Clip", s, {}, {"", "hi"}, [](OnnxModel& m) { m.f32("hi", {}, {1}); });
  c.add("PRelu channel", 9, "PRelu", s, {}, {"w"}, [](OnnxModel& m) { m.f32("w", {2, 1, 1}, {0.1F, 0.5F}); });
  c.add("PRelu row", 9, "PRelu", {1, 3, 3, 3}, {}, {"w"}, [](OnnxModel& m) {
    m.f32("w", {3}, {0.1F, 0.5F, 0.9F});
  });
  c.add("Softmax 12", 11, "Softmax", {2, 3, 4}, {attribute("axis", 1)});
  c.add("Softmax 12 last", 11, "Softmax", {2, 3, 4}, {attribute("axis", 2)});
  c.add("Softmax 13", 13, "Softmax", {2, 3, 4}, {attribute("axis", 1)});
  c.add("LogSoftmax 12", 11, "LogSoftmax", {2, 3, 4});
  c.add("LogSoftmax 13", 13, "LogSoftmax", {2, 3, 4});
  OnnxModel positive(13);
  positive.input("x", {2, 3}).node("Abs", {"x"}, {"a"}).f32("one", {}, {1}).node("Add", {"a", "one"}, {"p"});
  positive.node("Log", {"p"}, {"l"})
      .node("Sqrt", {"p"}, {"q"})
      .node("Reciprocal", {"p"}, {"r"})
      .node("Acosh", {"p"}, {"h"});
  positive.node("Sum", {"l", "q", "r", "h"}, {"y"}).output("y");
  c.add("functions of positive numbers", positive);
  OnnxModel small(13);
  small.input("x", {2, 3})
      .f32("k", {}, {0.2F})
      .node("Mul", {"x", "k"}, {"p"})
      .node("Asin", {"p"}, {"a"})
      .node("Acos", {"p"}, {"b"});
  small.node("Tan", {"p"}, {"c"})
      .node("Atanh", {"p"}, {"d"})
      .node("Mul", {"a", "b"}, {"e"})
      .node("Sum", {"c", "d", "e"}, {"y"})
      .output("y");
  c.add("functions of small numbers", small);
}

void add_eltwise(Cases& c) {
  const Shape s{2, 3, 4};
  const auto with = [](const Shape& shape, Floats values) {
    return [=](OnnxModel& m) { m.f32("w", shape, values); };
  };
  for (const char* type : {"Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum"})
    c.add(type, 13, type, s, {}, {"w"}, with({3, 1}, {1.5F, -2, 0.5F}));
  c.add("Max of three", 8, "Max", s, {}, {"w", "x"}, with({1}, {0.5F}));
  c.add("Mean of three", 8, "Mean", s, {}, {"w", "w"}, with({1}, {0.5F}));
  c.add("Pow 2", 7, "Pow", s, {}, {"w"}, with({}, {2}));
  c.add("Pow 3", 13, "Pow", s, {}, {"w"}, with({}, {3}));
  c.add("Mod fmod", 10, "Mod", s, {attribute("fmod", 1)}, {"w"}, with({}, {1.5F}));
  for (const char* type : {"Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual"})
    c.add(type, 13, type, s, {}, {"w"}, with({}, {0.75F}));
  OnnxModel logic(13);
  logic.input("x", s)
      .f32("a", {}, {0})
      .f32("b", {}, {1})
      .node("Greater", {"x", "a"}, {"p"})
      .node("Less", {"x", "b"}, {"q"});
  logic.node("And", {"p", "q"}, {"r"})
      .node("Or", {"p", "q"}, {"s"})
      .node("Xor", {"p", "q"}, {"t"})
      .node("Not", {"t"}, {"u"});
  logic.f32("k", {}, {10})
      .node("Where", {"r", "x", "k"}, {"y"})
      .node("Where", {"u", "x", "k"}, {"z"})
      .output("y")
      .output("z")
      .output("s");
  c.add("logic", logic);
  OnnxModel integers(13);
  integers.input("x", {2, 6})
      .node("Cast", {"x"}, {"i"}, {attribute("to", kInt32)})
      .constant<std::int32_t>("three", kInt32, {}, {3});
  integers.node("Div", {"i", "three"}, {"y"}).node("Mod", {"i", "three"}, {"z"}).output("y").output("z");
  c.add("integer quotients", integers);
}

void add_weighted(Cases& c) {
  const auto conv = [](const Shape& shape, bool bias) {
    return [=](OnnxModel& m) {
      m.f32("w", shape, numbers(static_cast<std::size_t>(refcalib::engine::element_count(shape))));
      if (bias) m.f32("b", {shape[0]}, numbers(static_cast<std::size_t>(shape[0]), 0.5F));
    };
  };
  const Shape s{1, 4, 5, 5};
  c.add("Conv", 11, "Conv", s, {attribute("pads", Ints{1, 0, 1, 2}), attribute("strides", Ints{2, 1})},
        {"w", "b"}, conv({3, 4, 3, 3}, true));
  c.add("Conv group", 11, "Conv", s, {attribute("group", 2), attribute("kernel_shape", Ints{3, 3})}, {"w"},
        conv({4, 2, 3, 3}, false));
  c.add("Conv depthwise", 11, "Conv", s, {attribute("group", 4), attribute("dilations", Ints{2, 2})},
        {"w", "b"}, conv({4, 1, 2, 2}, true));
  c.add("Conv same upper", 11, "Conv", s,
        {attribute("auto_pad", "SAME_UPPER"), attribute("strides", Ints{2, 2})}, {"w"},
        conv({2, 4, 2, 2}, false));
  c.add("Conv same lower", 11, "Conv", s, {attribute("auto_pad", "SAME_LOWER")}, {"w"},
        conv({2, 4, 2, 2}, false));
  c.add("Conv 1d", 11, "Conv", {2, 3, 7}, {attribute("pads", Ints{1, 1})}, {"w", "b"}, conv({2, 3, 3}, true));
  const auto transposed = [](const Shape& shape, std::int64_t outputs) {
    return [=](OnnxModel& m) {
      m.f32("w", shape, numbers(static_cast<std::size_t>(refcalib::engine::element_count(shape))));
      m.f32("b", {outputs}, numbers(static_cast<std::size_t>(outputs), 0.5F));
    };
  };
  c.add("ConvTranspose", 11, "ConvTranspose", {1, 2, 3, 3},
        {attribute("strides", Ints{2, 2}), attribute("pads", Ints{1, 0, 0, 1}),
         attribute("output_padding", Ints{1, 0})},
        {"w", "b"}, transposed({2, 3, 3, 3}, 3));
  c.add("ConvTranspose group", 11, "ConvTranspose", {1, 4, 3, 3},
        {attribute("strides", Ints{2, 2}), attribute("group", 2)}, {"w", "b"}, transposed({4, 1, 2, 2}, 2));
  c.add("ConvTranspose shape", 11, "ConvTranspose", {1, 2, 3, 3},
        {attribute("strides", Ints{2, 2}), attribute("output_shape", Ints{6, 7})}, {"w"},
        transposed({2, 3, 3, 3}, 3));
  c.add("ConvTranspose same", 11, "ConvTranspose", {1, 2, 3, 3},
        {attribute("strides", Ints{2, 2}), attribute("auto_pad", "SAME_UPPER")}, {"w"},
        transposed({2, 3, 3, 3}, 3));
  const auto matrix = [](const Shape& shape, const Shape& addend) {
    return [=](OnnxModel& m) {
      m.f32("w", shape, numbers(static_cast<std::size_t>(refcalib::engine::element_count(shape))));
      m.f32("b", addend, numbers(static_cast<std::size_t>(refcalib::engine::element_count(addend)), 0.5F));
    };
  };
  c.add("Gemm", 13, "Gemm", {2, 3}, {}, {"w", "b"}, matrix({3, 4}, {4}));
  c.add("Gemm transposed", 7, "Gemm", {3, 2},
        {attribute("transA", 1), attribute("transB", 1), attribute("alpha", 0.5F), attribute("beta", 2.0F)},
        {"w", "b"}, matrix({4, 3}, {2, 1}));
  c.add("Gemm alone", 11, "Gemm", {2, 3}, {attribute("alpha", 2.0F)}, {"w"}, matrix({3, 4}, {1}));
  c.add("MatMul", 13, "MatMul", {2, 2, 3}, {}, {"w"}, matrix({3, 4}, {1}));
  c.add("MatMul vector", 13, "MatMul", {2, 3}, {}, {"w"}, matrix({3}, {1}));
  OnnxModel computed(13);
  computed.input("x", {2, 3, 4})
      .node("Transpose", {"x"}, {"t"}, {attribute("perm", Ints{0, 2, 1})})
      .node("MatMul", {"x", "t"}, {"y"})
      .output("y");
  c.add("MatMul computed", computed);
  OnnxModel norm(9);
  norm.input("x", s)
      .f32("w", {3, 4, 3, 3}, numbers(108))
      .node("Conv", {"x", "w"}, {"c"})
      .f32("g", {3}, {1, 2, -1})
      .f32("b", {3}, {0.5F, 0, 1});
  norm.f32("m", {3}, {0.25F, -1, 2})
      .f32("v", {3}, {1, 4, 0.5F})
      .node("BatchNormalization", {"c", "g", "b", "m", "v"}, {"y"}, {attribute("epsilon", 0.01F)})
      .output("y");
  c.add("Conv and BatchNormalization", norm);
  OnnxModel transposed_norm(9);
  transposed_norm.input("x", {1, 4, 3, 3})
      .f32("w", {4, 2, 2, 2}, numbers(32))
      .node("ConvTranspose", {"x", "w"}, {"c"}, {attribute("group", 2)});
  transposed_norm.f32("g", {4}, {1, 2, -1, 3})
      .f32("b", {4}, {0.5F, 0, 1, 2})
      .f32("m", {4}, {0.25F, -1, 2, 0})
      .f32("v", {4}, {1, 4, 0.5F, 2});
  transposed_norm.node("BatchNormalization", {"c", "g", "b", "m", "v"}, {"y"}).output("y");
  c.add("ConvTranspose and BatchNormalization", transposed_norm);
}

void add_pooling(Cases& c) {
  const Shape s{1, 2, 7, 6};
  const OnnxAttribute kernel = attribute("kernel_shape", Ints{3, 2}),
                      strides = attribute("strides", Ints{2, 2});
  c.add("MaxPool", 8, "MaxPool", s, {kernel, strides});
  c.add("MaxPool ceil", 12, "MaxPool", s, {kernel, strides, attribute("ceil_mode", 1)});
  c.add("MaxPool pads", 12, "MaxPool", s, {kernel, strides, attribute("pads", Ints{1, 0, 1, 1})});
  c.add("MaxPool dilated", 12, "MaxPool", s, {kernel, attribute("dilations", Ints{2, 1})});
  c.add("MaxPool indices", 12, "MaxPool", s, {kernel, strides}, {}, [](OnnxModel&) {}, {"y", "z"});
  c.add("AveragePool", 11, "AveragePool", s, {kernel, strides, attribute("pads", Ints{1, 1, 1, 0})});
  c.add("AveragePool with pads", 11, "AveragePool", s,
        {kernel, strides, attribute("pads", Ints{1, 1, 1, 0}), attribute("count_include_pad", 1)});
  c.add("AveragePool same", 11, "AveragePool", s, {kernel, attribute("auto_pad", "SAME_UPPER")});
  c.add("GlobalAveragePool", 8, "GlobalAveragePool", s);
  c.add("GlobalMaxPool", 8, "GlobalMaxPool", s);
}

void add_reductions(Cases& c) {
  const Shape s{2, 3, 4};
  for (const char* type : {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
                           "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"})
    c.add(type, 11, type, s, {attribute("axes", Ints{-1, 0}), attribute("keepdims", 0)});
  c.add("ReduceSum input", 13, "ReduceSum", s, {}, {"axes"}, [](OnnxModel& m) { m.i64("axes", {1}); });
  c.add("ReduceMean input", 18, "ReduceMean", s, {}, {"axes"}, [](OnnxModel& m) { m.i64("axes", {1, 2}); });
  c.add("ReduceMean all", 13, "ReduceMean", s);
  c.add("ReduceSum nothing", 13, "ReduceSum", s, {attribute("noop_with_empty_axes", 1)});
  c.add("ArgMax", 13, "ArgMax", s, {attribute("axis", 1)});
  c.add("ArgMin", 13, "ArgMin", s, {attribute("axis", -1), attribute("keepdims", 0)});
  c.add("TopK", 11, "TopK", s, {attribute("axis", 2)}, {"k"}, [](OnnxModel& m) { m.i64("k", {2}); },
        {"y", "z"});
  c.add("TopK smallest", 11, "TopK", s, {attribute("axis", 1), attribute("largest", 0)}, {"k"},
        [](OnnxModel& m) { m.i64("k", {2}); }, {"y", "z"});
  c.add("TopK 1", 9, "TopK", s, {attribute("k", 3)}, {}, [](OnnxModel&) {}, {"y", "z"});
  c.list.back().model.proto.mutable_graph()->mutable_node(0)->clear_attribute();
  c.list.back().model.i64("k", {3}).proto.mutable_graph()->mutable_node(0)->add_input("k");
  c.list.back().model.proto.mutable_opset_import(0)->set_version(10);
  c.add("CumSum", 14, "CumSum", s, {attribute("reverse", 1)}, {"a"}, [](OnnxModel& m) { m.i64("a", {1}); });
  OnnxModel log(13);
  log.input("x", s)
      .node("Abs", {"x"}, {"a"})
      .node("ReduceLogSum", {"a"}, {"y"}, {attribute("axes", Ints{1})})
      .output("y");
  c.add("ReduceLogSum", log);
}

void add_normalizations(Cases& c) {
  const Shape s{2, 4, 3, 3};
  const auto channels = [](OnnxModel& m) {
    m.f32("g", {4}, {1, 2, -1, 0.5F})
        .f32("b", {4}, {0.5F, 0, 1, -1})
        .f32("m", {4}, {0.25F, -1, 2, 0})
        .f32("v", {4}, {1, 4, 0.5F, 2});
  };
  c.add("BatchNormalization", 15, "BatchNormalization", s, {}, {"g", "b", "m", "v"}, channels);
  c.add("InstanceNormalization", 9, "InstanceNormalization", s, {}, {"g", "b"}, channels);
  c.add("GroupNormalization", 21, "GroupNormalization", s, {attribute("num_groups", 2)}, {"g", "b"},
        channels);
  c.add("LayerNormalization", 17, "LayerNormalization", {2, 3, 4}, {}, {"g", "b"}, channels);
  c.add("LayerNormalization scale", 17, "LayerNormalization", {2, 3, 4}, {attribute("epsilon", 0.1F)}, {"g"},
        channels);
  c.add("MeanVarianceNormalization", 13, "MeanVarianceNormalization", s);
  c.add("LRN", 13, "LRN", s,
        {attribute("size", 3), attribute("alpha", 0.5F), attribute("beta", 0.6F), attribute("bias", 2.0F)});
  c.add("LpNormalization", 1 + 12, "LpNormalization", s, {attribute("axis", 1)});
  c.add("LpNormalization 1", 13, "LpNormalization", s, {attribute("axis", 1), attribute("p", 1)});
}

void add_movements(Cases& c) {
  const Shape s{2, 3, 4};
  const auto ints = [](Ints a, Ints b = {}, Ints d = {}, Ints e = {}) {
    return [=](OnnxModel& m) { m.i64("a", a).i64("b", b).i64("d", d).i64("e", e); };
  };
  c.add("Reshape", 13, "Reshape", s, {}, {"a"}, ints({0, -1}));
  c.add("Flatten", 13, "Flatten", s, {attribute("axis", 2)});
  c.add("Flatten 0", 9, "Flatten", s, {attribute("axis", 0)});
  c.add("Squeeze", 11, "Squeeze", {1, 3, 1, 2}, {attribute("axes", Ints{0})});
  c.add("Squeeze all", 11, "Squeeze", {1, 3, 1, 2});
  c.add("Squeeze input", 13, "Squeeze", {1, 3, 1, 2}, {}, {"a"}, ints({-2}));
  c.add("Unsqueeze", 11, "Unsqueeze", s, {attribute("axes", Ints{0, 4})});
  c.add("Unsqueeze input", 13, "Unsqueeze", s, {}, {"a"}, ints({1}));
  c.add("Transpose", 13, "Transpose", s, {attribute("perm", Ints{2, 0, 1})});
  c.add("Transpose reversed", 13, "Transpose", s);
  c.add("Concat", 13, "Concat", s, {attribute("axis", -2)}, {"x"}, ints({}));
  c.add("Split", 11, "Split", s, {attribute("axis", 2), attribute("split", Ints{1, 3})}, {}, ints({}),
        {"y", "z"});
  c.add("Split equal", 13, "Split", s, {attribute("axis", 0)}, {}, ints({}), {"y", "z"});
  c.add("Split input", 13, "Split", s, {attribute("axis", -1)}, {"a"}, ints({3, 1}), {"y", "z"});
  c.add("Split number", 18, "Split", s, {attribute("axis", 1), attribute("num_outputs", 2)}, {}, ints({}),
        {"y", "z"});
  c.add("Slice", 9, "Slice", s,
        {attribute("starts", Ints{1, -3}), attribute("ends", Ints{3, 2147483647}),
         attribute("axes", Ints{1, 2})});
  c.add("Slice inputs", 13, "Slice", s, {}, {"a", "b", "d", "e"}, ints({-1, 0}, {-100, 3}, {2, 1}, {-1, 2}));
  c.add("Slice plain", 11, "Slice", s, {}, {"a", "b"}, ints({0, 1}, {1, 3}));
  c.add("Pad", 9, "Pad", s, {attribute("pads", Ints{0, 1, 2, 0, 1, 0}), attribute("value", 1.5F)});
  c.add("Pad input", 13, "Pad", s, {}, {"a"}, ints({0, 1, 2, 0, 1, 0}));
  c.add("Pad value", 13, "Pad", s, {}, {"a", "v"}, [](OnnxModel& m) {
    m.i64("a", {0, 1, 2, 0, 1, 0}).f32("v", {}, {-2});
  });
  c.add("Pad reflect", 13, "Pad", s, {attribute("mode", "reflect")}, {"a"}, ints({0, 1, 2, 0, 1, 0}));
  c.add("Pad edge", 13, "Pad", s, {attribute("mode", "edge")}, {"a"}, ints({0, 1, 2, 0, 1, 0}));
  c.add("Pad axes", 18, "Pad", s, {}, {"a", "", "b"}, ints({1, 2, 0, 1}, {2, 0}));
  c.add("Expand", 13, "Expand", {3, 1}, {}, {"a"}, ints({2, 1, 4}));
  c.add("Tile", 13, "Tile", s, {}, {"a"}, ints({1, 2, 2}));
  c.add("DepthToSpace", 13, "DepthToSpace", {1, 8, 2, 3}, {attribute("blocksize", 2)});
  c.add("DepthToSpace crd", 13, "DepthToSpace", {1, 8, 2, 3},
        {attribute("blocksize", 2), attribute("mode", "CRD")});
  c.add("SpaceToDepth", 13, "SpaceToDepth", {1, 2, 4, 6}, {attribute("blocksize", 2)});
  c.add("Trilu", 14, "Trilu", {2, 3, 4}, {attribute("upper", 0)});
  c.add("Trilu upper", 14, "Trilu", {3, 4}, {}, {"k"},
        [](OnnxModel& m) { m.constant<std::int64_t>("k", kInt64, {}, {1}); });
  c.add("ReverseSequence", 10, "ReverseSequence", {3, 2, 2}, {}, {"a"}, ints({2, 3}));
  c.add("Cast bool", 13, "Cast", s, {attribute("to", kBool)});
  OnnxModel shapes(15);
  shapes.input("x", {2, 3, 4})
      .node("Shape", {"x"}, {"s"})
      .i64("zero", {0})
      .i64("rest", {-1})
      .node("Gather", {"s", "zero"}, {"first"}, {attribute("axis", 0)});
  shapes.node("Concat", {"first", "rest"}, {"target"}, {attribute("axis", 0)})
      .node("Reshape", {"x", "target"}, {"r"})
      .node("Shape", {"x"}, {"t"}, {attribute("start", -1)});
  shapes.node("ConstantOfShape", {"t"}, {"f"})
      .node("Size", {"x"}, {"n"})
      .node("Cast", {"n"}, {"m"}, {attribute("to", kFloat)})
      .node("Add", {"x", "f"}, {"p"});
  shapes.node("Div", {"p", "m"}, {"y"}).node("Identity", {"r"}, {"z"}).output("y").output("z");
  c.add("shape sub-graph", shapes);
  OnnxModel range(13);
  range.input("x", {4})
      .f32("a", {}, {0})
      .f32("b", {}, {4})
      .f32("d", {}, {1})
      .node("Range", {"a", "b", "d"}, {"r"})
      .node("Add", {"x", "r"}, {"y"})
      .output("y");
  c.add("Range", range);
  OnnxModel eye(13);
  eye.input("x", {3, 4})
      .node("EyeLike", {"x"}, {"e"}, {attribute("k", 1)})
      .node("Add", {"x", "e"}, {"y"})
      .output("y");
  c.add("EyeLike", eye);
}

void add_indexing(Cases& c) {
  const Shape s{2, 3, 4};
  c.add("Gather", 13, "Gather", s, {attribute("axis", 1)}, {"i"}, [](OnnxModel& m) {
    m.constant<std::int64_t>("i", kInt64, {2, 2}, {0, 2, -1, 1});
  });
  c.add("GatherElements", 13, "GatherElements", s, {attribute("axis", 2)}, {"i"}, [](OnnxModel& m) {
    m.constant<std::int64_t>("i", kInt64, {2, 3, 1}, {0, 3, 1, -1, 2, 0});
  });
  c.add("GatherND", 13, "GatherND", s, {attribute("batch_dims", 1)}, {"i"}, [](OnnxModel& m) {
    m.constant<std::int64_t>("i", kInt64, {2, 1}, {2, 0});
  });
  c.add("ScatterND", 13, "ScatterND", s, {}, {"i", "u"}, [](OnnxModel& m) {
    m.constant<std::int64_t>("i", kInt64, {2, 2}, {0, 1, 1, 2}).f32("u", {2, 4}, numbers(8, 10));
  });
  c.add("ScatterND add", 16, "ScatterND", s, {attribute("reduction", "add")}, {"i", "u"}, [](OnnxModel& m) {
    m.constant<std::int64_t>("i", kInt64, {2, 2}, {0, 1, 0, 1}).f32("u", {2, 4}, numbers(8, 10));
  });
  c.add("ScatterElements", 13, "ScatterElements", s, {attribute("axis", 2)}, {"i", "u"}, [](OnnxModel& m) {
    m.constant<std::int64_t>("i", kInt64, {1, 2, 2}, {0, 3, 1, 2}).f32("u", {1, 2, 2}, {9, 8, 7, 6});
  });
  OnnxModel hot(13);
  hot.input("x", {2, 3})
      .node("Cast", {"x"}, {"i"}, {attribute("to", kInt64)})
      .constant<std::int64_t>("d", kInt64, {}, {4})
      .f32("v", {2}, {-1, 3});
  hot.node("OneHot", {"i", "d", "v"}, {"y"}, {attribute("axis", 1)}).output("y");
  c.add("OneHot", hot);
  OnnxModel lookup(13);
  lookup.input("x", {2, 3})
      .f32("table", {5, 2}, numbers(10))
      .node("Abs", {"x"}, {"a"})
      .node("Cast", {"a"}, {"i"}, {attribute("to", kInt64)});
  lookup.node("Gather", {"table", "i"}, {"y"}).output("y");
  c.add("Gather from a table", lookup);
}

void add_resizing(Cases& c) {
  const Shape s{1, 2, 3, 4};
  const auto scales = [](Floats v) {
    return [=](OnnxModel& m) { m.f32("s", {static_cast<std::int64_t>(v.size())}, v); };
  };
  const auto sizes = [](Ints v) { return [=](OnnxModel& m) { m.i64("n", v); }; };
  c.add("Upsample", 9, "Upsample", s, {attribute("mode", "nearest")}, {"s"}, scales({1, 1, 2, 3}));
  c.add("Upsample linear", 9, "Upsample", s, {attribute("mode", "linear")}, {"s"}, scales({1, 1, 2, 2}));
  c.add("Upsample attribute", 7, "Upsample", s, {attribute("scales", Floats{1, 1, 2, 2})});
  c.add("Resize 10", 10, "Resize", s, {}, {"s"}, scales({1, 1, 2, 0.5F}));
  for (const char* coordinates : {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"})
    for (const char* mode : {"nearest", "linear", "cubic"})
      c.add(std::string("Resize ") + mode + " " + coordinates, 13, "Resize", s,
            {attribute("mode", mode), attribute("coordinate_transformation_mode", coordinates)},
            {"", "", "n"}, sizes({1, 2, 5, 7}));
  for (const char* nearest : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
    c.add(std::string("Resize nearest ") + nearest, 13, "Resize", s, {attribute("nearest_mode", nearest)},
          {"", "s"}, scales({1, 1, 1.7F, 0.6F}));
  c.add("Resize axes", 18, "Resize", s, {attribute("mode", "linear"), attribute("axes", Ints{3, 2})},
        {"", "", "n"}, sizes({6, 5}));
}

void add_detection(Cases& c) {
  OnnxModel roi(16);
  roi.input("x", {1, 2, 6, 6}).f32("r", {2, 4}, {0, 0, 4, 4, 1, 1.5F, 5, 5.5F}).i64("b", {0, 0});
  roi.node("RoiAlign", {"x", "r", "b"}, {"y"},
           {attribute("output_height", 2), attribute("output_width", 3), attribute("sampling_ratio", 2)})
      .output("y");
  c.add("RoiAlign", roi);
  OnnxModel old(10);
  old.input("x", {1, 2, 6, 6}).f32("r", {2, 4}, {0, 0, 4, 4, 1, 1.5F, 5, 5.5F}).i64("b", {0, 0});
  old.node("RoiAlign", {"x", "r", "b"}, {"y"},
           {attribute("output_height", 2), attribute("output_width", 2), attribute("sampling_ratio", 2),
            attribute("spatial_scale", 0.5F)})
      .output("y");
  c.add("RoiAlign 10", old);
}

}  // namespace

std::vector<OperatorCase> operator_cases() {
  Cases cases;
  add_activations(cases);
  add_eltwise(cases);
  add_weighted(cases);
  add_pooling(cases);
  add_reductions(cases);
  add_normalizations(cases);
  add_movements(cases);
  add_indexing(cases);
  add_resizing(cases);
  add_detection(cases);
  return std::move(cases.list);
}

}  // namespace refcalib_test
