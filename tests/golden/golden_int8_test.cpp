#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>

#include "engine/core/error.h"
#include "engine/evaluation/npy.h"
#include "engine/formats/model.h"
#include "tests/golden/golden_detections.h"
#include "tests/golden/golden_index.h"
#include "tests/golden/golden_run.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : (aa == bb ? 1.0 : 0.0);
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return std::sqrt(sum);
}

std::vector<std::vector<float>> run(const Model& model, const GoldenEntry& entry, bool int8) {
  CompileOptions options = default_options();
  options.int8 = int8;
  Session session(Program::compile(model.graph, options), 1);
  fill_golden_inputs(session, entry);
  session.run();
  std::vector<std::vector<float>> outputs;
  for (const GoldenTensor& output : entry.outputs) outputs.push_back(golden_view(session, output));
  return outputs;
}

}  // namespace

/// Another INT8 engine rounds elsewhere, so an output agrees if it is as close to the FP32 output of the same model as the golden one is,
/// or all but parallel to the golden one.
TEST_CASE("INT8 outputs agree with those of independent engines", "[golden]") {
  const fs::path shared = shared_dir();
  if (shared.empty()) {
    std::cout << "SKIPPED: no folder of models and golden outputs (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  int passed = 0, all = 0;
  for (const GoldenEntry& entry : read_golden_index(shared, REFCALIB_TOPOLOGIES_DIR)) {
    if (entry.precision != "INT8") continue;
    ++all;
    try {
      const Model model = load_model(entry.xml, entry.weights);
      const auto ours = run(model, entry, true);
      const auto exact = run(model, entry, false);
      bool agrees = true;
      std::ostringstream line;
      line << entry.model << ":";
      for (std::size_t i = 0; i < ours.size(); ++i) {
        const std::vector<float> golden = read_npy(entry.outputs[i].file);
        REQUIRE(golden.size() == ours[i].size());
        if (lists_detections(entry.outputs[i])) {
          const double both = detection_share(golden, ours[i]);
          const double our_share = detection_share(exact[i], ours[i]);
          const double their_share = detection_share(exact[i], golden);
          line << " boxes of the golden output " << both << ", of FP32 " << our_share << " (golden "
               << their_share << ")";
          agrees = agrees && (both >= 0.999 || our_share >= their_share);
          continue;
        }
        const double parallel = cosine(ours[i], golden);
        const double our_distance = distance(ours[i], exact[i]), their_distance = distance(golden, exact[i]);
        line << " cosine " << parallel << ", to FP32 " << our_distance << " (golden " << their_distance
             << ")";
        agrees = agrees && (parallel >= 0.999 || our_distance <= their_distance);
      }
      passed += agrees;
      std::cout << (agrees ? "pass  " : "FAIL  ") << line.str() << "\n";
      CHECK(agrees);
    } catch (const Error& error) {
      std::cout << "FAIL  " << entry.model << ": " << error.what() << "\n";
      FAIL_CHECK(error.what());
    }
  }
  std::cout << passed << " of " << all << " INT8 golden entries agree\n";
  CHECK(all > 0);
}
