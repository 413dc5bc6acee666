#include "engine/calibration/equalize.h"

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/candidates.h"
#include "engine/calibration/held_back_proof.h"
#include "engine/calibration/output_comparison.h"
#include "tests/calibration/uneven.h"

using namespace refcalib_test;

TEST_CASE("equalization evens out ranges and keeps what the network computes", "[equalize]") {
  const Samples samples = samples_of(6);
  const ActivationAttributes kinds[] = {{"relu", 0, 0}, {"leaky_relu", 0.1, 0}, {"clamp", 0, 3.0}};
  for (const ActivationAttributes& activation : kinds) {
    INFO(activation.function);
    Uneven network(activation);
    const Graph simple = simplified(network.graph());
    const ChannelRanges before = ranges_of(calibrated(network.graph(), samples).annotation);
    for (const bool weights : {false, true}) {
      EqualizeOptions options;
      options.strength = 1;
      options.weights = weights;
      const Equalized equalized =
          equalize(network.graph(), simple, find_candidates(simple).weighted, before, options);
      CHECK(equalized.layers == std::vector<std::string>{"c1", "c2"});
      for (std::size_t i = 0; i < samples.size(); ++i)
        CHECK(largest_difference(answer(network.graph(), samples, i, false),
                                 answer(equalized.graph, samples, i, false)) < 1e-4);
      const ChannelRanges after = ranges_of(calibrated(equalized.graph, samples).annotation);
      const auto& old_ranges = before.at("r1");
      const auto& new_ranges = after.at("r1");
      const double top = *std::max_element(old_ranges.begin(), old_ranges.end());
      CHECK(*std::max_element(new_ranges.begin(), new_ranges.end()) <= top * 1.0001);
      CHECK(*std::min_element(new_ranges.begin(), new_ranges.end()) >
            4 * *std::min_element(old_ranges.begin(), old_ranges.end()));
    }
  }
}

TEST_CASE("a dead channel does not set the scale of weights, and what a clamp cuts off stays as it is",
          "[equalize]") {
  const Samples samples = samples_of(6);
  // 1x1 convolution, ReLU6, depthwise 3x3, 1x1: channel 0 is never above zero, yet has by far the largest filter; channel 1 is clamped.
  constexpr std::int64_t channels = 4;
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 3, 10, 10});
  std::vector<float> first = waves(channels * 3, 1), filters = waves(channels * 9, 2);
  std::vector<float> bias(channels, 0.5F);
  for (std::size_t i = 0; i < 3; ++i) first[i] = 0;
  bias[0] = -1;
  for (std::size_t i = 3; i < 6; ++i) first[i] *= 20;
  for (std::size_t i = 0; i < 9; ++i) filters[i] *= 60;
  const ValueId c1 = b.add1("Convolution", "c1", dense(0),
                            {x, b.constant("w1", Constant::f32({1, channels, 3, 1, 1}, first)),
                             b.constant("b1", Constant::f32({channels}, bias))});
  const ValueId r1 = b.add1("Activation", "r1", Attributes::of(ActivationAttributes{"clamp", 0, 6}), {c1});
  const ValueId dw = b.add1("Convolution", "dw", dense(1),
                            {r1, b.constant("w2", Constant::f32({channels, 1, 1, 3, 3}, filters))});
  b.output(b.add1("Activation", "sigmoid", Attributes::of(ActivationAttributes{"sigmoid", 0, 0}), {dw}));
  const Graph& graph = b.graph();
  const Graph simple = simplified(graph);
  CalibrationOptions per_tensor;
  per_tensor.per_channel_weights = false;
  const ir::Annotation plain = calibrated(graph, samples, per_tensor).annotation;
  EqualizeOptions options;
  options.weights = true;
  const Equalized equalized =
      equalize(graph, simple, find_candidates(simple).weighted, ranges_of(plain), options);
  for (std::size_t i = 0; i < samples.size(); ++i)
    CHECK(largest_difference(answer(graph, samples, i, false), answer(equalized.graph, samples, i, false)) <
          1e-5);
  const ir::Annotation evened = calibrated(equalized.graph, samples, per_tensor).annotation;
  const auto width = [](const ir::Annotation& annotation, const char* layer) {
    for (const auto& weights : annotation.weights)
      if (weights.layer == layer) return weights.range.front().high;
    return 0.0F;
  };
  CHECK(width(plain, "dw") > 30);
  CHECK(width(evened, "dw") < 3);
}

TEST_CASE("channels that other operations read are not scaled", "[equalize]") {
  const Samples samples = samples_of(3);
  // An operation by itself, and limits that go into the convolution: only those from zero on scale with their input.
  const ActivationAttributes kinds[] = {{"tanh", 0, 0}, {"clamp", -1, 3}, {"clamp", 0.5, 3}};
  for (const ActivationAttributes& activation : kinds) {
    INFO(activation.function << " " << activation.alpha);
    Uneven network(activation);
    const Graph simple = simplified(network.graph());
    const ChannelRanges ranges = ranges_of(calibrated(network.graph(), samples).annotation);
    CHECK(equalize(network.graph(), simple, find_candidates(simple).weighted, ranges, {.weights = true})
              .layers.empty());
    CHECK(equalize(network.graph(), simple, find_candidates(simple).weighted, ranges, {}).layers.empty());
  }
}

TEST_CASE("each connected set of channels gets the strength that promises the least noise", "[equalize]") {
  const Samples samples = samples_of(8);
  Uneven network({"relu", 0, 0});
  const Graph simple = simplified(network.graph());
  const CalibrationResult plain = calibrated(network.graph(), samples);
  EqualizeOptions by_noise;
  for (const ValueReport& value : plain.values)
    by_noise.deviations[value.value] = {value.channel_deviation.begin(), value.channel_deviation.end()};
  const Equalized chosen = equalize(network.graph(), simple, find_candidates(simple).weighted,
                                    ranges_of(plain.annotation), by_noise);
  REQUIRE(chosen.layers == std::vector<std::string>{"c1", "c2"});
  const OutputComparison comparison(
      network.graph(),
      keep_inputs(Program::compile(network.graph()), samples.size(), filling(samples), samples.size()), 1);
  const auto db = [&](const Graph& graph) {
    return mean_of(comparison.measure(annotated_graph(graph, calibrated(graph, samples).annotation)));
  };
  double best = db(network.graph());
  CHECK(db(chosen.graph) > best + 3);
  for (const double strength : {0.25, 0.5, 1.0})
    best = std::max(best, db(equalize(network.graph(), simple, find_candidates(simple).weighted,
                                      ranges_of(plain.annotation), {.strength = strength})
                                 .graph));
  CHECK(db(chosen.graph) > best - 1);
}
