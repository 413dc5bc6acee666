#include <cmath>
#include <map>

#include "engine/core/error.h"
#include "engine/formats/ir/float_type.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/to_legacy.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"
#include "tests/onnx/operator_cases.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

/// Outputs by name.
std::map<std::string, std::vector<float>> outputs_of(const Graph& graph) {
  CompileOptions options = default_options();
  options.int8 = false;
  Session session(Program::compile(graph, options), 1);
  for (std::size_t i = 0; i < session.input(0).size(); ++i) session.input(0)[i] = case_input(i);
  session.run();
  std::map<std::string, std::vector<float>> result;
  for (std::size_t k = 0; k < session.program().outputs().size(); ++k)
    result[session.program().outputs()[k].name].assign(session.output(k).begin(), session.output(k).end());
  return result;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) return false;
  return true;
}

}  // namespace

TEST_CASE("operators that IR version 7 can spell give the same numbers there, others an error",
          "[onnx][convert]") {
  const fs::path folder = fs::temp_directory_path() / "refcalib_onnx_convert";
  fs::create_directories(folder);
  int spelled = 0, refused = 0;
  for (const OperatorCase& one : operator_cases()) {
    INFO(one.name);
    const Model model = load_model(one.model.write(folder / "case.onnx"));
    ir::Document legacy;
    try {
      legacy = ir::to_legacy(model.document);
    } catch (const UnsupportedError& error) {
      CHECK_THAT(error.what(), Contains("IR version 7"));
      ++refused;
      continue;
    }
    ++spelled;
    CHECK(legacy.version == 7);
    try {
      ir::write_document(legacy, folder / "case.xml");
      const auto expected = outputs_of(model.graph), ours = outputs_of(ir::read_graph(folder / "case.xml"));
      CHECK(ours.size() == expected.size());
      for (const auto& [name, values] : expected) {
        INFO(name);
        const auto found = ours.find(name);
        REQUIRE(found != ours.end());
        CHECK(same_bits(found->second, values));
      }
    } catch (const Error& error) {
      FAIL_CHECK(error.what());
    }
  }
  INFO(spelled << " spelled, " << refused << " refused");
  CHECK(spelled > refused);
  fs::remove_all(folder);
}
