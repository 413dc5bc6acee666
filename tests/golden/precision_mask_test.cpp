#include <cmath>
#include <iostream>
#include <random>

#include "engine/calibration/calibrate.h"
#include "engine/core/error.h"
#include "engine/formats/model.h"
#include "tests/golden/golden_index.h"
#include "tests/golden/random_run.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

std::vector<std::vector<float>> outputs_of(const Graph& graph, bool int8) {
  CompileOptions options = default_options();
  options.int8 = int8;
  Session session(Program::compile(graph, options), 1);
  fill_random(session, 100);
  session.run();
  std::vector<std::vector<float>> outputs;
  for (std::size_t i = 0; i < session.program().outputs().size(); ++i)
    outputs.emplace_back(session.output(i).begin(), session.output(i).end());
  return outputs;
}

/// The smallest cosine between outputs of the same place.
double agreement(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
  double worst = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t k = 0; k < a[i].size(); ++k) {
      ab += double{a[i][k]} * b[i][k];
      aa += double{a[i][k]} * a[i][k];
      bb += double{b[i][k]} * b[i][k];
    }
    const double cosine = aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : (aa == bb ? 1.0 : 0.0);
    if (!(cosine >= worst)) worst = cosine;  // NaN counts as worst
  }
  return worst;
}

/// A part of an annotation: each layer with weights is left in float, each range is dropped with a probability of its own.
ir::Annotation masked(const ir::Annotation& whole, std::mt19937& random) {
  std::uniform_real_distribution<double> uniform;
  const double floats = uniform(random), dropped = uniform(random) < 0.5 ? 0.0 : uniform(random) * 0.5;
  ir::Annotation part;
  for (const auto& weights : whole.weights) {
    if (uniform(random) < floats)
      part.keep_float.push_back(weights.layer);
    else
      part.weights.push_back(weights);
  }
  for (const auto& activation : whole.activations)
    if (uniform(random) >= dropped) part.activations.push_back(activation);
  return part;
}

constexpr const char* kNetworks[] = {
    "models/classification/resnet8/v7/resnet8.xml", "models/classification/kws/v10/dscnn_kws.xml",
    "models/classification/vww/v6/mobilenet_v1_025_vww96.xml", "models/detection/ultraface/v10/RFB-320.xml",
    "models/zoo/v11_fp32/landmarks-regression-retail-0009.xml"};
constexpr int kMasksPerNetwork = 100;

}  // namespace

TEST_CASE("any subset of the quantizable layers runs and stays accurate", "[mask]") {
  const fs::path shared = shared_dir();
  if (shared.empty()) {
    std::cout << "SKIPPED: no folder of models (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  constexpr double limit = 0.97;
  for (const char* path : kNetworks) {
    const Model model = load_model(shared / path);
    const auto fill = [](Session& session, std::size_t index) {
      fill_random(session, index);
      return true;
    };
    const ir::Annotation whole = calibrate(model.graph, 4, fill, CalibrationOptions{}).annotation;
    const auto exact = outputs_of(model.graph, false);
    const double all = agreement(outputs_of(ir::to_graph(ir::annotate(model.document, whole)), true), exact);
    double worst = 1;
    std::mt19937 random(4711);
    for (int mask = 0; mask < kMasksPerNetwork; ++mask) {
      INFO(path << ", mask " << mask);
      const ir::Document document = ir::annotate(model.document, masked(whole, random));
      double here = 0;
      REQUIRE_NOTHROW(here = agreement(outputs_of(ir::to_graph(document), true), exact));
      CHECK((here >= limit || all < limit));
      worst = std::min(worst, here);
    }
    std::cout << path << ": cosine " << all << " all in INT8, at least " << worst << " over "
              << kMasksPerNetwork << " masks\n";
    CHECK(all >= limit);
  }
}
