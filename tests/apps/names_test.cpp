#include "apps/refcalib/agreement.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/output_name.h"
#include "apps/refcalib/shape_option.h"
#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::app;
using refcalib::engine::PortInfo;
using refcalib::engine::Shape;

TEST_CASE("outputs become file names", "[names]") {
  std::set<std::string> taken;
  CHECK(file_name_of_output("prob", taken) == "prob");
  CHECK(file_name_of_output("a/b:c d", taken) == "a_b_c_d");
  CHECK(file_name_of_output("a_b_c_d", taken) == "a_b_c_d_2");
  CHECK(file_name_of_output("a/b/c/d", taken) == "a_b_c_d_3");
  CHECK(file_name_of_output("", taken) == "output");
}

TEST_CASE("the stem of a model keeps its dots", "[names]") {
  CHECK(model_stem("dir.x/squeezenet1.1.xml") == "squeezenet1.1");
  CHECK(model_stem("a.b") == "a.b");
}

TEST_CASE("shapes on the command line", "[names]") {
  using Shapes = std::vector<std::pair<std::string, Shape>>;
  CHECK(parse_shapes("").empty());
  CHECK(parse_shapes("[1,3,224,224]") == Shapes{{"", {1, 3, 224, 224}}});
  CHECK(parse_shapes("data[1,3],info[5]") == Shapes{{"data", {1, 3}}, {"info", {5}}});
  for (const char* wrong : {"1,3", "[", "[]", "[1,]", "[1,-3]", "[0]", "[1]x", "[1],", "[1 ,2]", "]1[", "[a]",
                            "[99999999999999999999]"}) {
    INFO(wrong);
    CHECK_THROWS_AS(parse_shapes(wrong), refcalib::engine::UsageError);
  }
}

TEST_CASE("what looks like a classification", "[names]") {
  const auto find = [](std::vector<Shape> shapes) {
    std::vector<PortInfo> ports;
    for (const Shape& shape : shapes) ports.push_back({"x", shape, refcalib::engine::DType::f32});
    return classification_output(ports);
  };
  CHECK(find({{1, 10}}) == 0U);
  CHECK(find({{1, 1000, 1, 1}}) == 0U);
  CHECK(find({{1, 4420, 4}, {1, 2}}) == 1U);
  CHECK_FALSE(find({{1, 1}}));
  CHECK_FALSE(find({{10}, {1, 3, 8, 8}, {}}));
}

TEST_CASE("the mean of decibels leaves out infinite ones", "[names]") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  MeanDecibels mean;
  CHECK(mean.mean() == inf);
  mean.add(inf);
  CHECK(mean.mean() == inf);
  mean.add(-inf);
  CHECK(mean.mean() == -inf);
  mean.add(10);
  mean.add(20);
  CHECK(mean.mean() == 15);
}
