#include "engine/calibration/smooth_inputs.h"

#include <cmath>
#include <refcalib/metrics.hpp>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/candidates.h"
#include "engine/calibration/correct.h"
#include "engine/calibration/plan.h"
#include "tests/calibration/samples.h"
#include "tests/formats/document_builder.h"

using namespace refcalib_test;

namespace {

constexpr std::int64_t kTokens = 12, kWidth = 32, kInner = 48, kHeads = 4;

std::vector<float> waves(std::int64_t count, float size, float seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = size * std::sin(static_cast<float>(i) * 1.7F + seed * 12.9F);
  return values;
}

/// One layer of an encoder whose normalizations come first, as exporters write it. Two features of each are a hundred times the others,
/// as trained encoders have them.
struct Encoder {
  using Source = DocumentBuilder::Source;
  DocumentBuilder b{11};
  int names = 0;

  std::string name(const char* kind) { return kind + std::to_string(names++); }
  Source op(const char* type, Source x, Source y, Shape shape) {
    return b.add(type, name(type), {}, {x, y}, {std::move(shape)});
  }
  Source numbers(Shape shape, float size, float seed) {
    const std::int64_t count = element_count(shape);
    return b.constant<float>(shape, waves(count, size, seed));
  }
  Source norm(Source x) {
    std::vector<float> gamma(kWidth, 0.5F);
    gamma[3] = 60;
    gamma[17] = -40;
    const Shape shape = b.shape(x);
    const Source y = b.add("MVN", name("mvn"),
                           {{"normalize_variance", "true"}, {"eps", "0.00001"}, {"eps_mode", "inside_sqrt"}},
                           {x, b.ints({-1})}, {shape}, "opset6");
    const Source scaled = op("Multiply", y, b.constant<float>({1, 1, kWidth}, gamma), shape);
    return op("Add", scaled, numbers({1, 1, kWidth}, 0.3F, 5), shape);
  }
  Source dense(Source x, std::int64_t outs, float seed) {
    const std::int64_t ins = b.shape(x).back();
    const Shape shape{1, kTokens, outs};
    std::vector<float> w = waves(ins * outs, 0.3F, seed);
    // Rows of the large features are small, so that all features count alike.
    if (ins == kWidth)
      for (std::int64_t o = 0; o < outs; ++o)
        for (const std::int64_t feature : {3, 17}) w[static_cast<std::size_t>(feature * outs + o)] /= 80;
    const Source y = b.add("MatMul", name("dense"), {}, {x, b.constant<float>({ins, outs}, w)}, {shape});
    return op("Add", y, numbers({1, 1, outs}, 0.1F, seed + 1), shape);
  }
  Source heads(Source x) {
    const Source y =
        b.add("Reshape", name("heads"), {{"special_zero", "true"}},
              {x, b.ints({0, 0, kHeads, kWidth / kHeads})}, {{1, kTokens, kHeads, kWidth / kHeads}});
    return b.add("Transpose", name("turned"), {}, {y, b.ints({0, 2, 1, 3})},
                 {{1, kHeads, kTokens, kWidth / kHeads}});
  }
  Source build() {
    const Source x = b.input("x", {1, kTokens, kWidth});
    const Source y = norm(x);
    const Source q = heads(dense(y, kWidth, 1)), k = heads(dense(y, kWidth, 2)),
                 v = heads(dense(y, kWidth, 3));
    const Source scores =
        b.add("MatMul", "scores", {{"transpose_b", "true"}}, {q, k}, {{1, kHeads, kTokens, kTokens}});
    const Source soft = b.add("SoftMax", "soft", {{"axis", "3"}}, {scores}, {{1, kHeads, kTokens, kTokens}});
    const Source mixed = b.add("MatMul", "mixed", {}, {soft, v}, {{1, kHeads, kTokens, kWidth / kHeads}});
    const Source back = b.add("Transpose", "back", {}, {mixed, b.ints({0, 2, 1, 3})},
                              {{1, kTokens, kHeads, kWidth / kHeads}});
    const Source joined = b.add("Reshape", "joined", {{"special_zero", "true"}},
                                {back, b.ints({0, 0, kWidth})}, {{1, kTokens, kWidth}});
    const Source attended = op("Add", dense(joined, kWidth, 4), x, {1, kTokens, kWidth});
    const Source inner = b.add("Gelu", "gelu", {{"approximation_mode", "ERF"}},
                               {dense(norm(attended), kInner, 6)}, {{1, kTokens, kInner}}, "opset7");
    const Source out = op("Add", dense(inner, kWidth, 7), attended, {1, kTokens, kWidth});
    b.output(out);
    return out;
  }
};

Samples samples_of(std::size_t count) {
  Samples samples;
  for (std::size_t i = 0; i < count; ++i)
    samples.push_back(
        {Tensor{{1, kTokens, kWidth}, waves(kTokens * kWidth, 1.5F, static_cast<float>(i) * 0.37F + 20)}});
  return samples;
}

std::vector<float> answer(const Graph& graph, const Samples& samples, std::size_t index, bool int8) {
  Session session(Program::compile(graph, options_for(available_isas().back(), int8)), 1);
  feed(session, samples[index]);
  session.run();
  return {session.output(0).begin(), session.output(0).end()};
}

double mean_sqnr(const Graph& graph, const Graph& quantized, const Samples& samples) {
  double sum = 0;
  for (std::size_t i = 0; i < samples.size(); ++i)
    sum += refcalib::sqnr_db(answer(graph, samples, i, false), answer(quantized, samples, i, true));
  return sum / static_cast<double>(samples.size());
}

ChannelRanges ranges_of(const CalibrationResult& result) {
  ChannelRanges ranges;
  for (const ValueReport& value : result.values)
    for (std::size_t c = 0; c < value.channel_min.size(); ++c)
      ranges[value.value].push_back(
          std::max(std::fabs(double{value.channel_min[c]}), std::fabs(double{value.channel_max[c]})));
  return ranges;
}

}  // namespace

TEST_CASE("spread of a normalization moves into the products that read it", "[smooth]") {
  Encoder encoder;
  encoder.build();
  const Graph graph = encoder.b.graph();
  const Samples samples = samples_of(16);
  const CalibrationResult plain = calibrated(graph, samples);
  const CalibrationPlan plan = plan_calibration(graph, {});
  const Equalized smooth =
      smooth_inputs(graph, plan.simplified, plan.candidates.weighted, ranges_of(plain), 0.5);
  // Three products of the first normalization and one of the second.
  REQUIRE(smooth.layers.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::vector<float> before = answer(graph, samples, i, false),
                             after = answer(smooth.graph, samples, i, false);
    for (std::size_t e = 0; e < before.size(); ++e) CHECK(after[e] == Approx(before[e]).margin(1e-4));
  }
  const double before = mean_sqnr(graph, annotated_graph(graph, plain.annotation), samples),
               after = mean_sqnr(graph,
                                 annotated_graph(smooth.graph, calibrated(smooth.graph, samples).annotation),
                                 samples);
  INFO(before << " dB, smooth " << after << " dB");
  CHECK(after > before + 6);

  // As a correction: proven, kept, and the file answers as the network in memory.
  CalibrationOptions options;
  options.equalize = false;
  options.smooth_inputs = true;
  const CalibrationResult corrected =
      calibrate_and_correct(graph, {samples.size(), filling(samples)}, options);
  REQUIRE(corrected.corrections.size() == 1);
  CHECK(corrected.corrections[0].kept);
  CHECK(corrected.annotation.operands.size() == 4);
  const Graph written =
      ir::to_graph(ir::compress_weights(ir::annotate(encoder.b.document(), corrected.annotation)));
  const Graph in_memory = annotated_graph(graph, corrected.annotation);
  for (std::size_t i = 0; i < samples.size(); ++i)
    CHECK(same_bytes(answer(written, samples, i, true), answer(in_memory, samples, i, true)));
}

TEST_CASE("a normalization that others read, too, stays as it is", "[smooth]") {
  // As in encoders whose normalizations come last: the next sum reads the value.
  Encoder encoder;
  const auto x = encoder.b.input("x", {1, kTokens, kWidth});
  const auto y = encoder.norm(x);
  encoder.b.output(encoder.op("Add", encoder.dense(y, kWidth, 1), y, {1, kTokens, kWidth}));
  const Graph graph = encoder.b.graph();
  const Samples samples = samples_of(2);
  const CalibrationPlan plan = plan_calibration(graph, {});
  CHECK(smooth_inputs(graph, plan.simplified, plan.candidates.weighted, ranges_of(calibrated(graph, samples)),
                      0.5)
            .layers.empty());
}

TEST_CASE("a legacy file is written with the smoothed scale, shift and weights", "[smooth]") {
  constexpr std::int64_t outputs = 8;
  DocumentBuilder b{7};
  std::vector<float> gamma(kWidth, 0.5F), w = waves(outputs * kWidth, 0.3F, 1);
  for (const std::int64_t feature : {3, 17}) {
    gamma[static_cast<std::size_t>(feature)] = 50;
    for (std::int64_t o = 0; o < outputs; ++o) w[static_cast<std::size_t>(o * kWidth + feature)] /= 80;
  }
  const Shape shape{1, kWidth};
  const auto x = b.input("x", shape);
  const auto scaled =
      b.add("Eltwise", "scaled", {{"operation", "mul"}}, {x, b.constant<float>(shape, gamma)}, {shape});
  const auto shifted = b.add("Eltwise", "shifted", {{"operation", "sum"}},
                             {scaled, b.constant<float>(shape, waves(kWidth, 0.3F, 5))}, {shape});
  b.add("FullyConnected", "product", {{"out-size", std::to_string(outputs)}}, {shifted}, {{1, outputs}});
  b.blob("weights", w);
  b.blob("biases", waves(outputs, 0.1F, 3));
  const Graph graph = b.graph();
  Samples samples;
  for (std::size_t i = 0; i < 16; ++i)
    samples.push_back({Tensor{shape, waves(kWidth, 1.5F, static_cast<float>(i) * 0.37F + 20)}});
  CalibrationOptions options;
  options.equalize = false;
  options.smooth_inputs = true;
  const CalibrationResult result = calibrate_and_correct(graph, {samples.size(), filling(samples)}, options);
  REQUIRE(result.corrections.size() == 1);
  REQUIRE(result.corrections[0].kept);
  REQUIRE(result.annotation.operands.size() == 2);
  const Graph written = ir::to_graph(ir::annotate(b.document(), result.annotation)),
              in_memory = annotated_graph(graph, result.annotation);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::vector<float> exact = answer(graph, samples, i, false),
                             before = answer(written, samples, i, false);
    for (std::size_t e = 0; e < exact.size(); ++e) CHECK(before[e] == Approx(exact[e]).margin(0.05));
    CHECK(same_bytes(answer(written, samples, i, true), answer(in_memory, samples, i, true)));
  }

  // What is no constant, or of no layer, cannot be replaced.
  ir::Annotation wrong = result.annotation;
  wrong.operands[0].input = 1 - wrong.operands[0].input;
  CHECK_THROWS_AS(ir::annotate(b.document(), wrong), UnsupportedError);
  wrong.operands[0].layer = "nowhere";
  CHECK_THROWS_AS(ir::annotate(b.document(), wrong), UsageError);
}
