#include "engine/formats/onnx/operators.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>

#include "engine/core/error.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"
#include "tests/onnx/expected.h"
#include "tests/onnx/operator_cases.h"
#include "tests/onnx/quantized_models.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

std::string file_name(std::string name) {
  for (char& c : name)
    if (c == ' ') c = '_';
  return name + ".onnx";
}

void check_case(const fs::path& path, const std::vector<Expected>& expected) {
  CompileOptions options = default_options();
  options.int8 = false;
  Session session(Program::compile(load_model(path).graph, options), 1);
  REQUIRE(session.program().inputs().size() == 1);
  for (std::size_t i = 0; i < session.input(0).size(); ++i) session.input(0)[i] = case_input(i);
  session.run();
  const auto ports = session.program().outputs();
  REQUIRE(ports.size() == expected.size());
  for (std::size_t k = 0; k < ports.size(); ++k) {
    CAPTURE(ports[k].name);
    CHECK(ports[k].shape == expected[k].shape);
    REQUIRE(session.output(k).size() == expected[k].values.size());
    for (std::size_t i = 0; i < expected[k].values.size(); ++i) {
      const float ours = session.output(k)[i], theirs = expected[k].values[i];
      INFO("element " << i << ": " << ours << ", expected " << theirs);
      CHECK((ours == theirs || std::abs(ours - theirs) <= 2e-5F * std::max(1.0F, std::abs(theirs))));
    }
  }
}

}  // namespace

TEST_CASE("operators give what ONNX Runtime gives", "[onnx]") {
  const auto expected = read_expected();
  const fs::path folder = fs::temp_directory_path() / "refcalib_onnx_operators";
  fs::create_directories(folder);
  for (const OperatorCase& one : operator_cases()) {
    INFO(one.name);
    const fs::path path = one.model.write(folder / file_name(one.name));
    const auto found = expected.find(one.name);
    CHECK(found != expected.end());
    if (found == expected.end()) continue;
    try {
      check_case(path, found->second);
    } catch (const Error& error) {
      FAIL_CHECK(error.what());
    }
  }
  fs::remove_all(folder);
}

/// For tests/onnx/run_cases.mjs, which runs them in ONNX Runtime: REFCALIB_ONNX_CASES names a folder.
TEST_CASE("the models of all cases can be written", "[.write]") {
  const char* const folder = std::getenv("REFCALIB_ONNX_CASES");
  REQUIRE(folder != nullptr);
  fs::create_directories(folder);
  std::ofstream list(fs::path(folder) / "cases.txt");
  std::vector<OperatorCase> cases = operator_cases();
  for (OperatorCase& one : quantized_models()) cases.push_back(std::move(one));
  for (const OperatorCase& one : cases) {
    one.model.write(fs::path(folder) / file_name(one.name));
    list << one.name << "|" << file_name(one.name) << "\n";
  }
}

TEST_CASE("every operator of the tables is tried by a case", "[onnx]") {
  // Tried elsewhere: by quantized models and by tests of the reader.
  const std::set<std::string_view> elsewhere = {
      "QuantizeLinear", "DequantizeLinear", "Constant",  "Dropout",    "CastLike",   "IsNaN",
      "IsInf",          "BitwiseAnd",       "BitwiseOr", "BitwiseXor", "BitwiseNot", "NonMaxSuppression",
      "NonZero",        "Scatter"};
  std::set<std::string_view> tried;
  const std::vector<OperatorCase> cases = operator_cases();
  for (const OperatorCase& one : cases)
    for (const auto& node : one.model.proto.graph().node()) tried.insert(node.op_type());
  for (const onnx::OperatorFamily family : onnx::operator_families())
    for (const onnx::Operator& entry : family()) {
      if (entry.type.starts_with("Q") || entry.domain == onnx::kRuntimeDomain) continue;
      INFO(entry.type);
      CHECK((tried.contains(entry.type) || elsewhere.contains(entry.type)));
    }
}
