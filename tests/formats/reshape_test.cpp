#include "engine/formats/ir/reshape.h"

#include <limits>

#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "engine/runtime/program.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
namespace fs = std::filesystem;

namespace {

ir::Document example(const char* file) {
  return ir::read_document(fs::path(REFCALIB_SOURCE_DIR) / "examples" / "model" / file);
}

float number(std::size_t i) {
  return static_cast<float>(i * 7919 % 256);
}

/// The outputs of one run over samples that start at `first`.
std::vector<float> outputs(const ir::Document& document, std::size_t first) {
  Session session(Program::compile(ir::to_graph(document)), 1);
  const std::size_t sample =
      session.input(0).size() / static_cast<std::size_t>(session.program().inputs()[0].shape[0]);
  for (std::size_t i = 0; i < session.input(0).size(); ++i) session.input(0)[i] = number(first * sample + i);
  session.run();
  return {session.output(0).begin(), session.output(0).end()};
}

}  // namespace

TEST_CASE("a batch gives the bits of its samples", "[reshape]") {
  for (const char* file : {"shapes_v7.xml", "shapes_v11.xml"}) {
    INFO(file);
    const ir::Document document = example(file);
    const ir::Document three = ir::reshape(document, {.shapes = {}, .batch = 3});
    const std::vector<float> together = outputs(three, 0);
    std::vector<float> apart;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::vector<float> one = outputs(document, i);
      apart.insert(apart.end(), one.begin(), one.end());
    }
    CHECK(together == apart);
    // The file's own document does not change.
    CHECK(ir::to_graph(document).value(ir::to_graph(document).inputs.front()).shape.front() == 1);
  }
}

TEST_CASE("inputs take shapes by name or all at once", "[reshape]") {
  for (const char* file : {"shapes_v7.xml", "shapes_v11.xml"}) {
    INFO(file);
    const ir::Document document = example(file);
    const Graph before = ir::to_graph(document);
    const std::string name = before.value(before.inputs.front()).name;
    for (const std::string& key : {std::string(), name}) {
      const Graph graph =
          ir::to_graph(ir::reshape(document, {.shapes = {{key, {2, 3, 32, 32}}}, .batch = {}}));
      CHECK(graph.value(graph.inputs.front()).shape == Shape{2, 3, 32, 32});
      CHECK(graph.value(graph.outputs.front()).shape.front() == 2);
    }
  }
}

TEST_CASE("shapes that no input can take are refused", "[reshape]") {
  const ir::Document document = example("shapes_v11.xml");
  CHECK_THROWS_AS(ir::reshape(document, {.shapes = {{"nobody", {1, 3, 32, 32}}}, .batch = {}}), UsageError);
  CHECK_THROWS_AS(ir::reshape(document, {.shapes = {{"", {3, 32, 32}}}, .batch = {}}), UsageError);
  CHECK_THROWS_AS(ir::reshape(document, {.shapes = {}, .batch = 0}), UsageError);
  CHECK_THROWS_AS(ir::reshape(document, {.shapes = {{"", {1, 3, 1 << 30, 1 << 30}}}, .batch = {}}), Error);
}

TEST_CASE("a Reshape that names the old batch takes the new one", "[reshape]") {
  CHECK(ir::fit_batch({1, 100}, {4, 10, 10}) == std::vector<std::int64_t>{4, 100});
  CHECK(ir::fit_batch({1, -1}, {4, 10, 10}) == std::vector<std::int64_t>{1, -1});
  CHECK(ir::fit_batch({0, 100}, {4, 10, 10}) == std::vector<std::int64_t>{4, 100});
  CHECK(ir::fit_batch({1, 7}, {4, 10, 10}) == std::vector<std::int64_t>{1, 7});
}

TEST_CASE("stated shapes beyond all bounds stay as they are", "[reshape]") {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max(), large = std::int64_t{1} << 39;
  const Shape input{4, 3};
  for (const std::vector<std::int64_t>& target :
       {std::vector<std::int64_t>{1, most}, {1, large, most}, {1, large, large}, {most, large}, {most, 5}})
    CHECK(ir::fit_batch(target, input) == target);
}
