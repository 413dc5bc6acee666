#include <functional>

#include "tests/ops/reference.h"

using namespace refcalib_test;

namespace {

constexpr Isa kAllIsas[] = {Isa::scalar, Isa::avx2, Isa::avxvnni, Isa::avx512, Isa::avx512vnni};

CompileOptions scalar_options() {
  return options_for(Isa::scalar, true);
}

/// The message of the error that compiling throws, with its kind in front.
std::string error_of(const Graph& graph, const CompileOptions& options = scalar_options()) {
  try {
    Program::compile(graph, options);
  } catch (const UnsupportedError& error) {
    return std::string("unsupported: ") + error.what();
  } catch (const FormatError& error) {
    return std::string("format: ") + error.what();
  }
  return "no error";
}

/// The start of a network of x [2, 3].
struct Small {
  Small() : x(random_tensor({2, 3}, 1)) { input = b.input("x", DType::f32, x.shape); }
  Outputs run() { return run_everywhere(b.finish(), {x}); }
  GraphBuilder b;
  Tensor x;
  ValueId input;
};

Tensor negative(Tensor t) {
  for (float& v : t.data) v = -v;
  return t;
}

}  // namespace

TEST_CASE("instruction sets that the processor lacks are refused by name", "[program]") {
  Small s;
  s.b.output(add_activation(s.b, "y", s.input, "abs"));
  Graph graph = s.b.finish();
  graph.source = "model.xml";
  for (const Isa isa : kAllIsas) {
    INFO(to_string(isa));
    const std::string error = error_of(graph, options_for(isa, true));
    if (is_available(isa)) {
      CHECK(error == "no error");
      CHECK(Program::compile(graph, options_for(isa))->isa() == isa);
    } else {
      CHECK_THAT(error, Contains("unsupported: model.xml: ") &&
                            Contains("'" + std::string(to_string(isa)) + "'") &&
                            Contains("available: scalar"));
    }
  }
}

TEST_CASE("what cannot run is an error of one line with the file and the layer", "[program]") {
  struct Case {
    const char* what;
    std::function<void(GraphBuilder&, ValueId x)> build;
    const char* message;
  };
  const Case cases[] = {{"a pooling of a constant",
                         [](GraphBuilder& b, ValueId x) {
                           const ValueId k = b.constant("k", constant_of(random_tensor({1, 3, 4, 4}, 1)));
                           b.output(add_eltwise(b, "y", "add", x, add_identity(b, "pool", k)));
                         },
                         "layer 'pool': operation 'Pooling' of a constant is not supported"},
                        {"an output that is constant",
                         [](GraphBuilder& b, ValueId x) {
                           b.output(add_activation(b, "y", x, "abs"));
                           b.output(b.constant("k", Constant::f32({2}, {1, 2})));
                         },
                         "layer 'k': an output is a constant: it depends on no input"}};
  for (const Case& c : cases) {
    INFO(c.what);
    GraphBuilder b;
    c.build(b, b.input("x", DType::f32, {1, 3, 4, 4}));
    Graph graph = b.finish();
    graph.source = "folder/model.xml";
    const std::string error = error_of(graph);
    CHECK_THAT(error, Contains("folder/model.xml: ") && Contains(c.message));
    CHECK(error.find('\n') == std::string::npos);
  }
}

TEST_CASE("inputs and outputs of other types are floats to a session", "[program]") {
  GraphBuilder b;
  const ValueId list = b.input("list", DType::i64, {3}), x = b.input("x", DType::f32, {3});
  b.output(list);
  b.output(add_eltwise(b, "less", "less", x, b.constant("k", Constant::f32({1}, {0}))));
  const Outputs outputs = run_everywhere(b.finish(), {{{3}, {4, -5, 6}}, {{3}, {-1, 0, -2}}});
  CHECK(outputs[0] == std::vector<float>{4, -5, 6});
  CHECK(outputs[1] == std::vector<float>{1, 0, 1});
}

TEST_CASE("networks that need absurd amounts of memory are refused", "[program]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 1 << 13, 1 << 8, 1 << 8});
  for (int i = 0; i < 10; ++i) b.output(add_activation(b, "y" + std::to_string(i), x, "tanh"));
  CHECK_THAT(error_of(b.finish()), Contains("GiB of memory; at most 16 GiB are supported"));
}

TEST_CASE("inputs and outputs are listed in the order of the file with their names and shapes", "[program]") {
  GraphBuilder b;
  const ValueId one = b.input("one", DType::f32, {1, 2, 3, 4});
  const ValueId two = b.input("two", DType::f16, {5});
  b.output(add_activation(b, "t", two, "tanh"));
  b.output(add_identity(b, "p", one));
  b.output(one);
  const auto program = Program::compile(b.finish(), scalar_options());
  REQUIRE(program->inputs().size() == 2);
  CHECK(program->inputs()[0].name == "one");
  CHECK(program->inputs()[0].shape == Shape{1, 2, 3, 4});
  CHECK(program->inputs()[1].name == "two");
  CHECK(program->inputs()[1].shape == Shape{5});
  REQUIRE(program->outputs().size() == 3);
  // Lowering puts the pooling's result in plain order; the name stays.
  CHECK(program->outputs()[0].name == "t");
  CHECK(program->outputs()[1].name == "p");
  CHECK(program->outputs()[1].shape == Shape{1, 2, 3, 4});
  CHECK(program->outputs()[2].name == "one");
  Session session(program, 1);
  CHECK(session.input(0).size() == 24);
  CHECK(session.output(0).size() == 5);
  CHECK(session.threads() == 1);
  CHECK(&session.program() == program.get());
}

TEST_CASE("results come back in the order of the file whatever the memory order inside", "[program]") {
  for (const Shape& shape :
       {Shape{2, 3, 4}, Shape{2, 3, 4, 5}, Shape{2, 3, 2, 2, 3}, Shape{3, 1, 4, 4}, Shape{2, 5, 1, 1}}) {
    INFO(to_string(shape));
    const Tensor x = random_tensor(shape, 1);
    GraphBuilder b;
    const ValueId i = b.input("x", DType::f32, shape), p = add_identity(b, "p", i);
    b.output(p);
    b.output(add_activation(b, "n", p, "neg"));
    b.output(add_identity(b, "q", add_activation(b, "m", p, "neg")));
    const Outputs outputs = run_everywhere(b.finish(), {x});
    CHECK(same_bytes(outputs[0], x.data));
    CHECK(same_bytes(outputs[1], negative(x).data));
    CHECK(same_bytes(outputs[2], negative(x).data));
  }
}

TEST_CASE("programs without steps give out their inputs", "[program]") {
  for (const bool int8 : {false, true}) {
    Small s;
    const ValueId second = s.b.input("second", DType::f32, {4});
    s.b.output(second);
    s.b.output(s.input);
    s.b.output(second);
    const Tensor y = random_tensor({4}, 2);
    const auto program = Program::compile(s.b.finish(), options_for(Isa::scalar, int8));
    CHECK(program->steps().empty());
    CHECK(program->macs() == 0);
    Session session(program, 2);
    feed(session, {s.x, y});
    session.run();
    std::vector<double> none;
    session.run_profiled(none);
    const Outputs outputs = outputs_of(session);
    CHECK(same_bytes(outputs[0], y.data));
    CHECK(same_bytes(outputs[1], s.x.data));
    CHECK(same_bytes(outputs[2], y.data));
  }
}

TEST_CASE("a view of an input can be an output, in front of any step", "[program]") {
  Small s;
  const ValueId view = s.b.add1("Reshape", "view", Attributes::of(ReshapeAttributes{}),
                                {s.input, s.b.constant("s", Constant::i64_vector({3, 2}))});
  s.b.output(view);
  s.b.output(s.b.add1("Reshape", "again", Attributes::of(ReshapeAttributes{}),
                      {view, s.b.constant("s", Constant::i64_vector({6}))}));
  const Graph graph = s.b.finish();
  Session session(Program::compile(graph, scalar_options()), 1);
  feed(session, {s.x});
  Recorder seen;
  session.run(seen);
  CHECK(session.program().outputs()[0].shape == Shape{3, 2});
  for (std::size_t i = 0; i < 2; ++i) CHECK(same_bytes(session.output(i), s.x.data));
  CHECK(seen.at("view") == s.x.data);
  CHECK(seen.at("again") == s.x.data);
}

TEST_CASE("inputs are read by several nodes, and twice by one", "[program]") {
  Small s;
  s.b.output(add_eltwise(s.b, "square", "mul", s.input, s.input));
  s.b.output(add_activation(s.b, "negative", s.input, "neg"));
  s.b.output(s.b.add1("Concat", "twice", Attributes::of(ConcatAttributes{0}), {s.input, s.input}));
  const Outputs outputs = s.run();
  std::vector<float> twice = s.x.data;
  twice.insert(twice.end(), s.x.data.begin(), s.x.data.end());
  for (std::size_t i = 0; i < 6; ++i) CHECK(outputs[0][i] == s.x.data[i] * s.x.data[i]);
  CHECK(outputs[1] == negative(s.x).data);
  CHECK(outputs[2] == twice);
}

TEST_CASE("an output may be an inner value, and several outputs one value", "[program]") {
  Small s;
  const ValueId inner = add_activation(s.b, "inner", s.input, "neg");
  const ValueId end = add_activation(s.b, "end", inner, "abs");
  s.b.output(end);
  s.b.output(inner);
  s.b.output(end);
  const Outputs outputs = s.run();
  CHECK(outputs[1] == negative(s.x).data);
  for (std::size_t i = 0; i < 6; ++i) CHECK(outputs[0][i] == std::fabs(s.x.data[i]));
  CHECK(outputs[2] == outputs[0]);

  // Of slices of a concatenation too, in channels-last memory.
  const Tensor x = random_tensor({1, 3, 4, 4}, 5);
  GraphBuilder b;
  const ValueId i = b.input("x", DType::f32, x.shape);
  const ValueId part = add_identity(b, "part", i), other = add_activation(b, "other", part, "neg");
  const ValueId all = b.add1("Concat", "all", Attributes::of(ConcatAttributes{1}), {part, other, part});
  b.output(part);
  b.output(all);
  b.output(add_identity(b, "last", all));
  const Outputs slices = run_everywhere(b.finish(), {x});
  std::vector<float> expected = x.data;
  const Tensor n = negative(x);
  expected.insert(expected.end(), n.data.begin(), n.data.end());
  expected.insert(expected.end(), x.data.begin(), x.data.end());
  CHECK(slices[0] == x.data);
  CHECK(slices[1] == expected);
  CHECK(slices[2] == expected);
}

TEST_CASE("samples of a batch are computed as they are alone", "[program]") {
  const Shape one{1, 4, 6, 5}, three{3, 4, 6, 5};
  const Tensor batch = random_tensor(three, 1);
  const auto network = [](const Shape& shape) {
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, shape);
    const ValueId conv = add_convolution(b, "conv", x, random_tensor({1, 5, 4, 3, 3}, 2),
                                         random_tensor({5}, 3).data, convolution(2, 2, 1));
    const ValueId both = b.add1("Concat", "both", Attributes::of(ConcatAttributes{1}),
                                {conv, add_activation(b, "bent", conv, "sigmoid")});
    const ValueId mean =
        b.add1("Reduce", "mean", Attributes::of(ReduceAttributes{"mean", {2, 3}, false}), {both});
    b.output(b.add1("MatMul", "y", Attributes::of(MatMulAttributes{}),
                    {mean, b.constant("w", constant_of(random_tensor({10, 3}, 4)))}));
    b.output(conv);
    for (const ValueId id : {x, conv, both, mean}) quantize_value(b.graph(), id, {0.03F}, 128);
    return b.finish();
  };
  for (const bool int8 : {false, true}) {
    const Outputs all = run_everywhere(network(three), {batch}, int8);
    for (std::size_t n = 0; n < 3; ++n) {
      const auto from = batch.data.begin() + static_cast<std::ptrdiff_t>(n * 120);
      const Outputs alone = run_everywhere(network(one), {{one, {from, from + 120}}}, int8);
      for (std::size_t i = 0; i < alone.size(); ++i)
        CHECK(same_bytes(
            alone[i],
            std::vector<float>(all[i].begin() + static_cast<std::ptrdiff_t>(n * alone[i].size()),
                               all[i].begin() + static_cast<std::ptrdiff_t>((n + 1) * alone[i].size()))));
    }
  }
}

TEST_CASE("reports say what a step is and costs", "[program]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 4, 5, 5});
  const ValueId conv = add_convolution(b, "conv", x, random_tensor({1, 6, 4, 3, 3}, 2), {}, convolution(2));
  const ValueId bent = add_activation(b, "bent", conv, "relu");
  b.output(b.add1("Softmax", "y", Attributes::of(SoftmaxAttributes{1, false}), {bent}));
  quantize_value(b.graph(), x, {0.02F}, 128);
  const Graph graph = b.finish();
  const auto program = Program::compile(graph, scalar_options());
  CHECK(program->macs() == 6 * 4 * 9 * 9);
  CHECK(program->constant_bytes() >= 6 * 4 * 9);
  CHECK(program->arena_bytes() > 0);
  std::string text;
  for (const StepInfo& step : program->steps()) {
    text += step.op + ":" + step.precision + ":" + (step.macs > 0 ? "macs " : " ");
    CHECK_FALSE(step.kernel.empty());
    CHECK(step.reason.empty());
    CHECK_FALSE(step.outputs.empty());
  }
  CHECK_THAT(text, Contains("Quantize:FP32>I8: Convolution:I8:macs "));

  const auto floats = Program::compile(graph, options_for(Isa::scalar, false));
  for (const StepInfo& step : floats->steps()) {
    CHECK(step.precision == "FP32");
    if (step.op == "Convolution") CHECK(step.reason == "its input has no calibrated range");
  }
  CHECK(floats->macs() == program->macs());
}
