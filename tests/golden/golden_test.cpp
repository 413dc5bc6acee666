#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <sstream>

#include "engine/evaluation/npy.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"
#include "tests/golden/golden_detections.h"
#include "tests/golden/golden_index.h"
#include "tests/golden/golden_run.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

/// FP32 outputs agree to this share of the output's range; 16-bit weights are rounded differently by other engines.
constexpr double kTolerance = 1e-4, kHalfTolerance = 1e-3;

/// Largest difference as a share of the golden output's range; infinite if an output is missing or differs in size.
double deviation(const Session& session, const GoldenTensor& golden) {
  const std::vector<float> ours = golden_view(session, golden);
  const std::vector<float> theirs = read_npy(golden.file);
  if (ours.empty() || ours.size() != theirs.size()) return INFINITY;
  if (lists_detections(golden)) return detection_deviation(ours, theirs);
  const auto [low, high] = std::minmax_element(theirs.begin(), theirs.end());
  const double range = std::max<double>(double{*high} - *low, 1e-30);
  double worst = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double difference = std::abs(double{ours[i]} - theirs[i]) / range;
    if (!(difference <= worst)) worst = difference;  // NaN counts as worst
  }
  return worst;
}

double run_entry(const GoldenEntry& entry, const fs::path& xml, const fs::path& weights, bool exact) {
  const Model model = load_model(xml, weights);
  CompileOptions options = default_options();
  options.int8 = false;
  options.exact = exact;
  Session session(Program::compile(model.graph, options), 1);
  fill_golden_inputs(session, entry);
  session.run();
  double worst = 0;
  for (const GoldenTensor& output : entry.outputs) worst = std::max(worst, deviation(session, output));
  return worst;
}

/// The engine that made the v10 outputs read the bounds of `<data max="[6.]" min="[0.]"/>` as 0, so that every such Clamp gave zeros and the
/// golden output is nothing but the last bias. This is the model as that engine understood it.
std::optional<fs::path> misread_clamps(const GoldenEntry& entry) {
  if (entry.xml.extension() != ".xml") return std::nullopt;
  std::ifstream file(entry.xml);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string changed = std::regex_replace(text, std::regex(R"((max|min)="\[[0-9.]+\]")"), R"($1="0")");
  if (changed == text) return std::nullopt;
  const fs::path copy = fs::temp_directory_path() /
                        ("refcalib_golden_" + std::to_string(std::hash<std::string>{}(entry.model)) + ".xml");
  std::ofstream(copy) << changed;
  return copy;
}

}  // namespace

TEST_CASE("FP32 outputs agree with those of independent engines", "[golden]") {
  const fs::path shared = shared_dir();
  if (shared.empty()) {
    std::cout << "SKIPPED: no folder of models and golden outputs (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  int passed = 0, required = 0;
  for (const GoldenEntry& entry : read_golden_index(shared, REFCALIB_TOPOLOGIES_DIR)) {
    if (entry.precision != "FP32") continue;
    if (!fs::exists(entry.xml)) {
      std::cout << "SKIPPED  " << entry.model << ": not built (models/make_weights.py needs python3-numpy)\n";
      continue;
    }
    ++required;
    const double tolerance = entry.half_weights ? kHalfTolerance : kTolerance;
    std::ostringstream line;
    try {
      const auto misread = misread_clamps(entry);
      fs::path weights = entry.weights;
      if (misread && weights.empty()) weights = fs::path(entry.xml).replace_extension(".bin");
      const double direct = run_entry(entry, misread ? *misread : entry.xml, weights, true);
      const double worst = std::max(direct, run_entry(entry, misread ? *misread : entry.xml, weights, false));
      if (misread) fs::remove(*misread);
      line << entry.model << ": " << worst << ", exact " << direct
           << (misread ? " (with the clamp bounds that the golden engine misread)" : "");
      INFO(line.str());
      CHECK(worst <= tolerance);
      passed += worst <= tolerance;
      std::cout << (worst <= tolerance ? "pass  " : "FAIL  ") << line.str() << "\n";
    } catch (const Error& error) {
      std::cout << "FAIL  " << entry.model << ": " << error.what() << "\n";
      FAIL_CHECK(error.what());
    }
  }
  std::cout << passed << " of " << required << " golden entries agree\n";
  CHECK(required > 0);
}
