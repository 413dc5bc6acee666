#include "tests/passes/pass_case.h"

using namespace refcalib_test;

TEST_CASE("integer inputs and outputs get conversions, and keep their names", "[float_ports]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::i64, {3}), y = b.input("y", DType::f32, {3});
  b.output(add_eltwise(b, "twice", "add", x, x));
  b.output(add_eltwise(b, "less", "less", x, y));
  b.output(x);
  const Graph result = after(b.finish(), float_ports);
  CHECK(ops_of(result) == "Convert Eltwise Eltwise Convert Convert Convert");
  CHECK(ops_of(after(result, float_ports)) == ops_of(result));
  for (const ValueId id : result.inputs) CHECK(result.value(id).dtype == DType::f32);
  const char* const names[] = {"twice", "less", "x/i64"};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(result.value(result.outputs[i]).dtype == DType::f32);
    CHECK(result.value(result.outputs[i]).name == names[i]);
  }
  CHECK(result.value(result.inputs[0]).name == "x");
  const Outputs outputs = run_everywhere(result, {{{3}, {1, 2.75F, -3}}, {{3}, {5, 2, 0}}});
  CHECK(outputs == Outputs{{2, 4, -6}, {1, 0, 1}, {1, 2, -3}});
}

TEST_CASE("ports keep the element type of the file for information", "[float_ports]") {
  GraphBuilder b;
  b.output(add_activation(b, "y", b.input("x", DType::i32, {2}), "neg"));
  const auto program = Program::compile(b.finish(), options_for(Isa::scalar));
  CHECK(program->inputs()[0].dtype == DType::i32);
  CHECK(program->outputs()[0].dtype == DType::i32);
  CHECK(program->outputs()[0].name == "y");
}
