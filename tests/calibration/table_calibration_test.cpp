#include "engine/calibration/table_calibration.h"

#include <cmath>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/collect.h"
#include "engine/calibration/range_cost.h"
#include "engine/core/error.h"
#include "tests/calibration/samples.h"
#include "tests/ops/random_network.h"

using namespace refcalib_test;
using refcalib::engine::tables::ActivationEntry;
using refcalib::engine::tables::CalibrationTable;

namespace {

using Place = ActivationEntry::Place;

/// x -> conv -> relu -> second -> third
Graph chain() {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 3, 8, 8});
  const ValueId conv = add_convolution(b, "conv", x, random_tensor({1, 5, 3, 3, 3}, 2, -1, 1),
                                       random_tensor({5}, 3).data, convolution(2, 1, 1));
  const ValueId relu = add_activation(b, "relu", conv, "relu");
  const ValueId second =
      add_convolution(b, "second", relu, random_tensor({1, 4, 5, 1, 1}, 4, -1, 1), {}, convolution(2));
  b.output(add_convolution(b, "third", second, random_tensor({1, 2, 4, 1, 1}, 5, -1, 1), {}, convolution(2)));
  return b.finish();
}

ActivationEntry symmetric(const std::string& name, double threshold, Place place = Place::output) {
  return {name, place, -threshold, threshold, true, {}};
}

Samples some_samples() {
  Samples samples;
  for (std::size_t s = 0; s < 4; ++s) samples.push_back({random_tensor({1, 3, 8, 8}, 10 + s, -2, 2)});
  return samples;
}

}  // namespace

TEST_CASE("thresholds of values become their limits; without negatives all levels lie above zero",
          "[tables]") {
  CalibrationTable table;
  table.activations = {symmetric("x", 2), symmetric("relu", 9), symmetric("second", 20)};
  const TableCalibration c = calibrate_from_table(chain(), table, {});
  CHECK(c.unmatched.empty());
  CHECK(c.without_entry.empty());
  REQUIRE(c.result.annotation.weights.size() == 3);
  const auto* x = find_activation(c.result.annotation, "x");
  REQUIRE(x != nullptr);
  CHECK(x->levels == 255);
  CHECK(x->range.front().low == -2);
  CHECK(x->range.front().high == 2);
  const auto* relu = find_activation(c.result.annotation, "relu");
  REQUIRE(relu != nullptr);
  CHECK(relu->levels == 256);
  CHECK(relu->range.front().low == 0);
  CHECK(relu->range.front().high == 9);
}

TEST_CASE("what is fused into a value counts as that value", "[tables]") {
  CalibrationTable table;
  table.activations = {symmetric("x:0", 2), symmetric("conv", 7), symmetric("second", 20)};
  const TableCalibration c = calibrate_from_table(chain(), table, {});
  CHECK(c.unmatched.empty());
  const auto* relu = find_activation(c.result.annotation, "relu");
  REQUIRE(relu != nullptr);
  CHECK(relu->range.front().high == 7);
}

TEST_CASE("thresholds of inputs go to what the layers read; layers without weights' scales stay in float",
          "[tables]") {
  CalibrationTable table;
  table.weights_choose_layers = true;
  table.activations = {symmetric("conv", 2, Place::input), symmetric("second", 9, Place::input),
                       symmetric("third", 3, Place::input), symmetric("nothing", 1, Place::input)};
  table.weights = {{"conv", {1, 2, 3, 4, 0}}, {"third", {0.5}}};
  const TableCalibration c = calibrate_from_table(chain(), table, {});
  CHECK(c.unmatched == std::vector<std::string>{"nothing"});
  CHECK(c.without_entry == std::vector<std::string>{"second"});
  CHECK(c.result.annotation.keep_float == std::vector<std::string>{"second"});
  REQUIRE(c.result.annotation.weights.size() == 2);
  CHECK(c.result.annotation.weights[0].range[3].high == 4);
  CHECK(c.result.annotation.weights[0].range[4].high == 1);  // zeros
  CHECK(c.result.annotation.weights[1].range.size() == 1);
}

TEST_CASE("asymmetric limits keep their grid", "[tables]") {
  CalibrationTable table;
  table.activations = {{"x", Place::output, -0.5, 2.05, false, {}}, symmetric("relu", 9)};
  const TableCalibration c = calibrate_from_table(chain(), table, {});
  const auto* x = find_activation(c.result.annotation, "x");
  REQUIRE(x != nullptr);
  const Quantization q = activation_quantization(x->range, x->levels);
  CHECK(q.zero_point == 50);
  CHECK(q.scale.front() == Approx(0.01));
  CHECK(c.without_entry == std::vector<std::string>{"third"});
}

TEST_CASE("tables of other networks are refused", "[tables]") {
  CalibrationTable table;
  table.activations = {symmetric("secnd", 1)};
  CHECK_THROWS_WITH(calibrate_from_table(chain(), table, {}),
                    Contains("its first name is 'secnd'") && Contains("nearest name is 'second'"));
  table.activations = {symmetric("x", 2)};
  table.weights = {{"conv", {1, 2}}};
  CHECK_THROWS_WITH(calibrate_from_table(chain(), table, {}),
                    Contains("2 limits") && Contains("5 output channels") && Contains("conv"));
}

TEST_CASE("a calibrated network's table calibrates the network alike", "[tables]") {
  const Graph graph = chain();
  const Samples samples = some_samples();
  for (const char* const scheme : {"asymmetric", "symmetric"}) {
    INFO(scheme);
    CalibrationOptions options;
    options.activations = scheme;
    options.correct_bias = false;
    const ir::Annotation annotation = calibrated(graph, samples, options).annotation;
    const CalibrationTable table = table_of(annotated_graph(graph, annotation));
    const TableCalibration again = calibrate_from_table(graph, table, options);
    CHECK(again.unmatched.empty());
    REQUIRE(again.result.annotation.activations.size() == annotation.activations.size());
    for (const auto& activation : annotation.activations) {
      INFO(activation.value);
      const auto* const other = find_activation(again.result.annotation, activation.value);
      REQUIRE(other != nullptr);
      const Quantization a = activation_quantization(activation.range, activation.levels),
                         b = activation_quantization(other->range, other->levels);
      CHECK(a.scale.front() == Approx(b.scale.front()).epsilon(1e-5));
      CHECK(std::abs(a.zero_point - b.zero_point) <= 1);
    }
    for (std::size_t i = 0; i < annotation.weights.size(); ++i)
      for (std::size_t k = 0; k < annotation.weights[i].range.size(); ++k)
        CHECK(again.result.annotation.weights[i].range[k].high ==
              Approx(annotation.weights[i].range[k].high).epsilon(1e-5));
  }
}

TEST_CASE("biases are corrected for the limits of a table as for others where there is data", "[tables]") {
  const Graph graph = chain();
  const Samples samples = some_samples();
  const ir::Annotation annotation = calibrated(graph, samples).annotation;
  const CalibrationTable table = table_of(annotated_graph(graph, annotation));
  const refcalib::Statistics seen = collect(graph, {samples.size(), filling(samples), {}}).statistics;
  const TableCalibration with = calibrate_from_table(graph, table, {}, &seen);
  CHECK(with.result.left_out.empty());
  REQUIRE(with.result.annotation.weights.size() == annotation.weights.size());
  std::size_t corrected = 0;
  for (std::size_t i = 0; i < annotation.weights.size(); ++i) {
    const auto &expected = annotation.weights[i].bias, &bias = with.result.annotation.weights[i].bias;
    REQUIRE(bias.size() == expected.size());
    corrected += bias.empty() ? 0U : 1U;
    for (std::size_t k = 0; k < bias.size(); ++k) CHECK(bias[k] == Approx(expected[k]).margin(1e-5));
  }
  CHECK(corrected > 0);
  CalibrationOptions options;
  const auto biases = [](const TableCalibration& c) {
    std::size_t count = 0;
    for (const auto& weights : c.result.annotation.weights) count += weights.bias.empty() ? 0U : 1U;
    return count;
  };
  const TableCalibration without_data = calibrate_from_table(graph, table, options);
  CHECK(biases(without_data) == 0);
  CHECK(without_data.result.left_out == std::vector<std::string>{"bias correction"});
  options.correct_bias = false;
  const TableCalibration unwanted = calibrate_from_table(graph, table, options, &seen);
  CHECK(biases(unwanted) == 0);
  CHECK(unwanted.result.left_out.empty());
}

TEST_CASE("limits for further values come from the table", "[tables]") {
  CalibrationTable table;
  table.activations = {symmetric("x", 2), symmetric("conv", 7), symmetric("relu", 5)};
  const auto limits = table_limits(chain(), table, {}, {"conv", "third"});
  REQUIRE(limits.size() == 1);
  CHECK(limits[0].value == "conv");
  CHECK(limits[0].range.front().low == -7);
}

TEST_CASE("the cost of limits is that of rounding the value alone", "[tables]") {
  const Graph graph = chain();
  const Samples samples = some_samples();
  const SampleSource source{samples.size(), filling(samples), {}};
  const std::vector<ir::Annotation::Activation> limits = {
      {"x", {{-2, 2}}, 255, {}, {}}, {"x", {{-1, 1}}, 255, {}, {}}, {"nowhere", {{-1, 1}}, 255, {}, {}}};
  const auto costs = range_costs(graph, limits, source, 1);
  REQUIRE(costs.size() == 2);
  double signal = 0, noise[2] = {0, 0};
  std::size_t clipped = 0, elements = 0;
  for (const auto& sample : samples)
    for (const float v : sample[0].data) {
      signal += static_cast<double>(v) * static_cast<double>(v);
      ++elements;
      clipped += std::abs(std::nearbyint(v / (1.0F / 127))) > 127;
      for (int k = 0; k < 2; ++k) {
        const float scale = (k == 0 ? 2.0F : 1.0F) / 127;
        const float rounded = std::min(std::max(std::nearbyint(v / scale), -127.0F), 127.0F) * scale;
        noise[k] += std::pow(static_cast<double>(v) - static_cast<double>(rounded), 2);
      }
    }
  for (std::size_t k = 0; k < 2; ++k)
    CHECK(costs[k].sqnr_db == Approx(10 * std::log10(signal / noise[k])).epsilon(1e-4));
  CHECK(costs[0].clipped == 0);
  CHECK(costs[1].clipped ==
        Approx(static_cast<double>(clipped) / static_cast<double>(elements)).epsilon(1e-2));
  CHECK(range_costs(graph, limits, source, 2)[1].sqnr_db == costs[1].sqnr_db);
}
