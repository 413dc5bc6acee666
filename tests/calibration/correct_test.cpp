#include "engine/calibration/correct.h"

#include <cmath>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/candidates.h"
#include "engine/calibration/correction_names.h"
#include "engine/calibration/equalize.h"
#include "engine/calibration/held_back_proof.h"
#include "engine/calibration/output_comparison.h"
#include "engine/calibration/percentile_search.h"
#include "engine/calibration/refine_layers.h"
#include "engine/calibration/refine_limits.h"
#include "engine/calibration/shift_channels.h"
#include "engine/formats/model.h"
#include "engine/graph/builder.h"
#include "engine/ops/activation.h"
#include "engine/ops/convolution.h"
#include "engine/passes/passes.h"
#include "tests/calibration/samples.h"

using namespace refcalib_test;

namespace {

/// Repeatable values between -1 and 1.
std::vector<float> waves(std::size_t count, float seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<float>(i) * 1.7F + seed * 12.9F);
  return values;
}

Attributes dense(std::int64_t pad) {
  ConvolutionAttributes a;
  a.strides = a.dilations = {1, 1};
  a.pads_begin = a.pads_end = {pad, pad};
  return Attributes::of(std::move(a));
}

/// Two convolutions of which the channels between differ in size 200-fold; no biases.
struct Uneven {
  static constexpr std::int64_t kChannels = 8;
  GraphBuilder b;

  explicit Uneven(const ActivationAttributes& activation) {
    const ValueId x = b.input("x", DType::f32, {1, 3, 10, 10});
    std::vector<float> first = waves(kChannels * 3 * 9, 1), second = waves(4 * kChannels * 9, 2);
    for (std::size_t i = 0; i < first.size(); ++i)
      first[i] *= std::pow(200.0F, -static_cast<float>(i / 27) / 7);
    for (std::size_t i = 0; i < second.size(); ++i)
      second[i] *= std::pow(200.0F, static_cast<float>(i / 9 % kChannels) / 7);
    const ValueId c = b.add1("Convolution", "c1", dense(1),
                             {x, b.constant("w1", Constant::f32({1, kChannels, 3, 3, 3}, first))});
    const ValueId r = b.add1("Activation", "r1", Attributes::of(activation), {c});
    const ValueId y = b.add1("Convolution", "c2", dense(1),
                             {r, b.constant("w2", Constant::f32({1, 4, kChannels, 3, 3}, second))});
    b.output(b.add1("Activation", "sigmoid", Attributes::of(ActivationAttributes{"sigmoid", 0, 0}), {y}));
  }
  const Graph& graph() { return b.graph(); }
};

Samples samples_of(std::size_t count) {
  Samples samples;
  for (std::size_t i = 0; i < count; ++i)
    samples.push_back({Tensor{{1, 3, 10, 10}, waves(300, static_cast<float>(i + 10))}});
  return samples;
}

std::vector<float> answer(const Graph& graph, const Samples& samples, std::size_t index, bool int8) {
  Session session(Program::compile(graph, options_for(available_isas().back(), int8)), 1);
  std::copy(samples[index][0].data.begin(), samples[index][0].data.end(), session.input(0).begin());
  session.run();
  return {session.output(0).begin(), session.output(0).end()};
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::fabs(double{a[i]} - double{b[i]}));
  return largest;
}

Graph simplified(const Graph& graph) {
  Graph simple = graph;
  run_passes(simple, simplification_passes());
  return simple;
}

ChannelRanges ranges_of(const ir::Annotation& annotation) {
  ChannelRanges ranges;
  for (const auto& activation : annotation.activations)
    for (std::size_t c = 0; c < activation.channel_max.size(); ++c)
      ranges[activation.value].push_back(std::max(std::fabs(double{activation.channel_min[c]}),
                                                  std::fabs(double{activation.channel_max[c]})));
  return ranges;
}

CalibrationOptions all_corrections() {
  CalibrationOptions options;
  choose_corrections("all", options);
  return options;
}

}  // namespace

TEST_CASE("equalization evens out ranges and keeps what the network computes", "[correct]") {
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
          "[correct]") {
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

TEST_CASE("biases that keep channels above zero move behind the activation without a trace", "[correct]") {
  const Samples samples = samples_of(6);
  constexpr std::int64_t channels = 4;
  // Channels 0 and 1 are always above zero, the latter reaches the clamp; the second convolution has no padding, or has it.
  const auto network = [&](std::int64_t pad) {
    GraphBuilder b;
    std::vector<float> first = waves(channels * 3, 1);
    for (float& w : first) w *= 0.3F;
    const ValueId x = b.input("x", DType::f32, {1, 3, 10, 10});
    const ValueId c1 =
        b.add1("Convolution", "c1", dense(0),
               {x, b.constant("w1", Constant::f32({1, channels, 3, 1, 1}, first)),
                b.constant("b1", Constant::f32({channels}, std::vector<float>{2.5F, 5.9F, 0, 0.1F}))});
    const ValueId r1 = b.add1("Activation", "r1", Attributes::of(ActivationAttributes{"clamp", 0, 6}), {c1});
    const ValueId c2 =
        b.add1("Convolution", "c2", dense(pad),
               {r1, b.constant("w2", Constant::f32({1, 2, channels, 3, 3}, waves(2 * channels * 9, 2)))});
    b.output(b.add1("Activation", "sigmoid", Attributes::of(ActivationAttributes{"sigmoid", 0, 0}), {c2}));
    return b.finish();
  };
  const auto limits_of = [](const ir::Annotation& annotation) {
    std::map<std::string, ChannelLimits, std::less<>> limits;
    for (const auto& a : annotation.activations)
      limits[a.value] = {{a.channel_min.begin(), a.channel_min.end()},
                         {a.channel_max.begin(), a.channel_max.end()}};
    return limits;
  };
  const Graph graph = network(0), simple = simplified(graph);
  const auto before = limits_of(calibrated(graph, samples).annotation);
  REQUIRE(before.at("r1").low[0] > 1);
  const Equalized absorbed = absorb_biases(graph, simple, find_candidates(simple).weighted, before);
  CHECK(absorbed.layers == std::vector<std::string>{"c1", "c2"});
  for (std::size_t i = 0; i < samples.size(); ++i)
    CHECK(largest_difference(answer(graph, samples, i, false), answer(absorbed.graph, samples, i, false)) <
          1e-5);
  const auto after = limits_of(calibrated(absorbed.graph, samples).annotation);
  CHECK(std::fabs(after.at("r1").low[0]) < 1e-5);
  CHECK(after.at("r1").high[0] < before.at("r1").high[0] - 1);
  CHECK(after.at("r1").high[1] == before.at("r1").high[1]);

  // Zeros of a padding would not be shifted.
  const Graph padded = network(1), simple_padded = simplified(padded);
  CHECK(absorb_biases(padded, simple_padded, find_candidates(simple_padded).weighted,
                      limits_of(calibrated(padded, samples).annotation))
            .layers.empty());
}

TEST_CASE("channels that other operations read are not scaled", "[correct]") {
  const Samples samples = samples_of(3);
  Uneven network({"tanh", 0, 0});
  const Graph simple = simplified(network.graph());
  const ChannelRanges ranges = ranges_of(calibrated(network.graph(), samples).annotation);
  CHECK(equalize(network.graph(), simple, find_candidates(simple).weighted, ranges, {}).layers.empty());
}

TEST_CASE("full bias correction restores means, also of layers without a bias, for any number of threads",
          "[correct]") {
  const Samples samples = samples_of(12);
  Uneven network({"relu", 0, 0});
  CalibrationOptions plain;
  plain.correct_bias = false;
  const CalibrationResult base = calibrated(network.graph(), samples, plain);
  const Graph simple = simplified(network.graph());
  std::vector<ir::Annotation> results;
  for (const int threads : {1, 3}) {
    ir::Annotation annotation = base.annotation;
    refine_layers(network.graph(), simple, find_candidates(simple).weighted, samples.size(), filling(samples),
                  {.biases = true, .weights = true, .threads = threads}, annotation);
    results.push_back(annotation);
  }
  CHECK(same_annotation(results[0], results[1]));
  REQUIRE(results[0].weights.size() == 2);
  for (std::size_t l = 0; l < 2; ++l) {
    CHECK(results[0].weights[l].bias.size() == (l == 0 ? 8 : 4));
    CHECK(same_bytes(results[0].weights[l].values, results[1].weights[l].values));
  }

  // Mean of each channel in front of the sigmoid.
  const auto means = [&](const Graph& graph, bool int8) {
    Graph cut = graph;
    cut.outputs = {cut.find_value("c2")};
    std::vector<double> mean(4, 0.0);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::vector<float> y = answer(cut, samples, i, int8);
      for (std::size_t e = 0; e < y.size(); ++e) mean[e / 100] += double{y[e]} / 1200;
    }
    return mean;
  };
  const auto expected = means(network.graph(), false),
             before = means(annotated_graph(network.graph(), base.annotation), true),
             after = means(annotated_graph(network.graph(), results[0]), true);
  for (std::size_t c = 0; c < 4; ++c) {
    INFO(c << ": " << expected[c] << ", uncorrected " << before[c] << ", corrected " << after[c]);
    CHECK(std::fabs(after[c] - expected[c]) < 0.02 * (1 + std::fabs(before[c] - expected[c])));
  }
}

TEST_CASE("corrections are kept if held-back samples gain, and the report says so", "[correct]") {
  const Samples samples = samples_of(16);
  Uneven network({"relu", 0, 0});
  const CalibrationResult result =
      calibrate_and_correct(network.graph(), {samples.size(), filling(samples)}, all_corrections());
  REQUIRE(result.corrections.size() == 3);
  CHECK(result.corrections[0].name == "equalization");
  for (const CorrectionReport& correction : result.corrections) {
    CHECK(correction.held_back == 4);
    if (correction.kept) CHECK(correction.after_db > correction.before_db);
  }
  CHECK(result.samples == 16);

  // Too few samples prove nothing.
  const Samples few = samples_of(7);
  const CalibrationResult plain =
      calibrate_and_correct(network.graph(), {few.size(), filling(few)}, all_corrections());
  CHECK(plain.corrections.empty());
  CHECK(same_annotation(plain.annotation, calibrated(network.graph(), few).annotation));
}

TEST_CASE("the search over percentages of images drops the odd image where held-back samples gain",
          "[correct]") {
  // One of the images that calibrate is a thousand times as bright; those held back are not.
  Samples samples = samples_of(40);
  for (float& v : samples[5][0].data) v *= 1000;
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 3, 10, 10});
  b.output(b.add1("Convolution", "c1", dense(1),
                  {x, b.constant("w1", Constant::f32({1, 4, 3, 3, 3}, waves(4 * 27, 1)))}));
  const Graph network = b.finish();
  CalibrationOptions options;
  options.search_percentiles = true;
  options.method = "kl";
  options.correct_bias = false;  // the odd image would move the means, too
  const CalibrationResult result =
      calibrate_and_correct(network, {samples.size(), filling(samples)}, options);
  REQUIRE(result.percentiles);
  const PercentileSearch& search = *result.percentiles;
  REQUIRE(search.steps.size() == 11);
  CHECK(search.steps.front().percent == 100);
  CHECK(search.steps.back().percent == 95);
  CHECK(search.percent < 100);
  CHECK(search.steps[1].db > search.steps[0].db + 20);
  CalibrationOptions same;
  same.method = search.method;
  same.correct_bias = false;
  CHECK(same_annotation(result.annotation, calibrated(network, samples, same).annotation));

  const Samples few = samples_of(7);
  CHECK_THROWS_AS(calibrate_and_correct(network, {few.size(), filling(few)}, options), UsageError);
  CHECK(proofs_left_out(options) == std::vector<std::string>{"the search for a percentage of images"});
  CHECK(proofs_left_out(all_corrections()) == std::vector<std::string>{"equalization", "absorption",
                                                                       "alignment", "smooth-inputs", "limits",
                                                                       "full-bias", "rounding"});
}

TEST_CASE("middles of channels move into the next biases without a trace", "[correct]") {
  const Samples samples = samples_of(6);
  constexpr std::int64_t channels = 4;
  const auto network = [&](std::int64_t pad, const char* activation) {
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, {1, 3, 10, 10});
    const ValueId c1 =
        b.add1("Convolution", "c1", dense(0),
               {x, b.constant("w1", Constant::f32({1, channels, 3, 1, 1}, waves(channels * 3, 1))),
                b.constant("b1", Constant::f32({channels}, std::vector<float>{9, -20, 0.1F, 40}))});
    const ValueId y =
        activation == nullptr
            ? c1
            : b.add1("Activation", "r1", Attributes::of(ActivationAttributes{activation, 0, 0}), {c1});
    const ValueId c2 =
        b.add1("Convolution", "c2", dense(pad),
               {y, b.constant("w2", Constant::f32({1, 2, channels, 3, 3}, waves(2 * channels * 9, 2)))});
    b.output(b.add1("Activation", "sigmoid", Attributes::of(ActivationAttributes{"sigmoid", 0, 0}), {c2}));
    return b.finish();
  };
  const auto limits_of = [](const ir::Annotation& annotation) {
    std::map<std::string, ChannelLimits, std::less<>> limits;
    for (const auto& a : annotation.activations)
      limits[a.value] = {{a.channel_min.begin(), a.channel_min.end()},
                         {a.channel_max.begin(), a.channel_max.end()}};
    return limits;
  };
  const Graph graph = network(0, nullptr), simple = simplified(graph);
  const auto before = limits_of(calibrated(graph, samples).annotation);
  const Equalized aligned = align_channels(graph, simple, find_candidates(simple).weighted, before);
  CHECK(aligned.layers == std::vector<std::string>{"c1", "c2"});
  for (std::size_t i = 0; i < samples.size(); ++i)
    CHECK(largest_difference(answer(graph, samples, i, false), answer(aligned.graph, samples, i, false)) <
          1e-4);
  const auto after = limits_of(calibrated(aligned.graph, samples).annotation);
  for (std::size_t c = 0; c < channels; ++c)
    CHECK(after.at("c1").low[c] == Approx(-after.at("c1").high[c]).margin(1e-4));
  // Not in front of padding, nor behind an activation.
  for (const Graph& other : {network(1, nullptr), network(0, "relu")}) {
    const Graph plain = simplified(other);
    CHECK(align_channels(other, plain, find_candidates(plain).weighted,
                         limits_of(calibrated(other, samples).annotation))
              .layers.empty());
  }
}

TEST_CASE("each connected set of channels gets the strength that promises the least noise", "[correct]") {
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

TEST_CASE("limits move to where the answer gains, for any number of threads", "[correct]") {
  const Samples samples = samples_of(32);
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 3, 10, 10});
  b.output(b.add1("Convolution", "c1", dense(1),
                  {x, b.constant("w1", Constant::f32({1, 4, 3, 3, 3}, waves(4 * 27, 1)))}));
  const Graph graph = b.finish();
  const CalibrationPlan plan = plan_calibration(graph, {});
  ir::Annotation wide = calibrated(graph, samples).annotation;
  REQUIRE(wide.activations.size() == 1);
  const float right = wide.activations[0].range[0].high;
  for (auto* limit : {&wide.activations[0].range[0].low, &wide.activations[0].range[0].high}) *limit *= 1.5F;
  std::vector<ir::Annotation> results;
  for (const int threads : {1, 3}) {
    const OutputComparison comparison(
        graph, keep_inputs(Program::compile(graph), samples.size(), filling(samples), samples.size()),
        threads);
    ir::Annotation annotation = wide;
    const LimitFactors factors = refine_limits(graph, plan, comparison, 1.15, annotation);
    REQUIRE(factors.contains("x"));
    CHECK(factors.at("x") < 1 / 1.14);
    CHECK(annotation.activations[0].range[0].high < 1.35F * right);
    results.push_back(annotation);
  }
  CHECK(same_annotation(results[0], results[1]));
}

TEST_CASE("corrections are chosen by name", "[correct]") {
  CalibrationOptions options;
  choose_corrections("equalization,rounding", options);
  CHECK((options.equalize && options.refine_rounding));
  CHECK_FALSE((options.correct_bias || options.full_bias_correction || options.seven_bit_weights));
  choose_corrections("default,7-bit-weights", options);
  CHECK((options.equalize && options.refine_rounding && options.seven_bit_weights));
  choose_corrections("all", options);
  for (const NamedCorrection& c : named_corrections())
    CHECK(options.*c.option == (c.name != "7-bit-weights"));
  choose_corrections("none", options);
  CHECK_FALSE((any_proven_correction(options) || options.correct_bias));
  CHECK_THROWS_WITH(choose_corrections("equalisation", options),
                    Contains("unknown correction 'equalisation' (is 'equalization' meant?)"));
  // Seven bits: limits of 63 steps, so that 127 steps of the stored scale reach twice as far.
  const Samples samples = samples_of(2);
  Uneven network({"relu", 0, 0});
  CalibrationOptions seven;
  seven.seven_bit_weights = true;
  const auto wide = calibrated(network.graph(), samples, seven).annotation.weights,
             plain = calibrated(network.graph(), samples).annotation.weights;
  for (std::size_t c = 0; c < 8; ++c)
    CHECK(wide[0].range[c].high == Approx(plain[0].range[c].high * 127 / 63));
}

TEST_CASE("a gain must exceed its standard error", "[correct]") {
  const std::vector<double> before = {10, 11, 12, 13};
  CHECK(gains(before, {10.5, 11.5, 12.5, 13.5}));
  CHECK(gains(before, {10.9, 11.1, 12.9, 13.1}));
  CHECK_FALSE(gains(before, {13, 9, 14, 11}));
  CHECK_FALSE(gains(before, before));
  CHECK_FALSE(gains({10}, {20}));
  CHECK_FALSE(gains({}, {}));
}

TEST_CASE("corrected models in memory are those of the annotated file", "[correct]") {
  for (const char* const name : {"shapes_v7.xml", "shapes_v11.xml"}) {
    INFO(name);
    const Model model = load_model(std::filesystem::path(REFCALIB_SOURCE_DIR) / "examples" / "model" / name);
    Samples samples;
    for (std::size_t i = 0; i < 8; ++i) {
      std::vector<float> pixels = waves(3 * 32 * 32, static_cast<float>(i));
      for (float& p : pixels) p = 127.5F + 127.5F * p;
      samples.push_back({Tensor{{1, 3, 32, 32}, pixels}});
    }
    // Whatever helps on such data: the corrections by themselves.
    const Graph simple = simplified(model.graph);
    ir::Annotation annotation = calibrated(model.graph, samples).annotation;
    refine_layers(model.graph, simple, find_candidates(simple).weighted, samples.size(), filling(samples), {},
                  annotation);
    std::size_t changed = 0;
    for (const auto& weights : annotation.weights) changed += !weights.values.empty();
    CHECK(changed >= 10);
    const ir::Document document = ir::annotate(model.document, annotation);
    const Graph stored = ir::to_graph(ir::compress_weights(document));
    const Graph in_memory = annotated_graph(model.graph, annotation);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::vector<float> expected = answer(in_memory, samples, i, true);
      CHECK(same_bytes(answer(ir::to_graph(document), samples, i, true), expected));
      CHECK(same_bytes(answer(stored, samples, i, true), expected));
    }
    // Calibrating again leaves corrected layers as they are.
    const Graph again = ir::to_graph(document);
    ir::Annotation second = calibrated(again, samples).annotation;
    const Graph simple_again = [&] {
      Graph graph = again;
      drop_quantization(graph);
      return simplified(graph);
    }();
    refine_layers(again, simple_again, find_candidates(simple_again).weighted, samples.size(),
                  filling(samples), {}, second);
    for (const auto& weights : second.weights) CHECK(weights.values.empty());
  }
}
