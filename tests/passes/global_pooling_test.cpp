#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

Graph reduction(const Shape& shape, const std::string& operation, std::vector<std::int64_t> axes, bool keep,
                bool more) {
  GraphBuilder b;
  const ValueId y = b.add1("Reduce", "y", Attributes::of(ReduceAttributes{operation, std::move(axes), keep}),
                           {b.input("x", DType::f32, shape)});
  b.output(more ? add_activation(b, "z", y, "abs") : y);
  return b.finish();
}

}  // namespace

TEST_CASE("a mean or maximum over all of the image is a pooling", "[global_pooling]") {
  for (const Shape& shape : {Shape{2, 19, 4, 5}, Shape{2, 3, 7}, Shape{1, 3, 2, 3, 4}})
    for (const char* operation : {"mean", "max"})
      for (const bool keep : {true, false})
        for (const bool more : {true, false}) {
          INFO(to_string(shape) << " " << operation << " keep " << keep << " more " << more);
          std::vector<std::int64_t> axes;
          for (std::size_t d = shape.size(); d-- > 2;) axes.push_back(static_cast<std::int64_t>(d));
          const std::string ops =
              std::string("Pooling") + (keep ? "" : " Reshape") + (more ? " Activation" : "");
          check_pass(reduction(shape, operation, axes, keep, more), global_pooling, {random_tensor(shape, 1)},
                     ops);
        }
}

TEST_CASE("a reduction of integers is no pooling, which reads floats", "[global_pooling]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 3, 4, 5});
  const ValueId truth = b.add1("Eltwise", "truth", Attributes::of(EltwiseAttributes{"equal", {}}), {x, x});
  const ValueId mean =
      b.add1("Reduce", "mean", Attributes::of(ReduceAttributes{"max", {2, 3}, true}), {truth});
  b.output(b.add1("Convert", "y", Attributes::of(ConvertAttributes{"f32"}), {mean}));
  Graph graph = b.finish();
  global_pooling(graph);
  CHECK(graph.producer(mean)->op == "Reduce");
}

TEST_CASE("other reductions stay", "[global_pooling]") {
  struct Case {
    Shape shape;
    const char* operation;
    std::vector<std::int64_t> axes;
  };
  for (const Case& c : {Case{{2, 3, 4, 5}, "sum", {2, 3}}, Case{{2, 3, 4, 5}, "mean", {3}},
                        Case{{2, 3, 4, 5}, "mean", {1, 2}}, Case{{2, 3}, "mean", {1}},
                        Case{{2, 3, 4, 5}, "mean", {1, 2, 3}}}) {
    INFO(c.operation << " of " << to_string(c.shape));
    check_pass(reduction(c.shape, c.operation, c.axes, true, false), global_pooling,
               {random_tensor(c.shape, 1)}, "Reduce");
  }
}
