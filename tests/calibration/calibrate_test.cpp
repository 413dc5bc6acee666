#include "engine/calibration/calibrate.h"

#include <atomic>

#include "tests/calibration/samples.h"
#include "tests/ops/random_network.h"

using namespace refcalib_test;

namespace {

constexpr const char* kMethods[] = {"minmax", "percentile", "kl", "mse"};

/// Values with long tails of both signs.
Tensor tailed(const Shape& shape, std::uint64_t seed) {
  Tensor t = random_tensor(shape, seed, -1, 1);
  for (float& v : t.data) v = v * v * v * v * v * 4 + v / 2;
  return t;
}

/// x -> conv -> relu -> second -> sigmoid -> third: four values that integers would store, no two in one group.
Graph chain(std::int64_t batch = 1) {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {batch, 3, 16, 16});
  const ValueId conv = add_convolution(b, "conv", x, random_tensor({1, 5, 3, 3, 3}, 2, -1, 1),
                                       random_tensor({5}, 3).data, convolution(2, 1, 1));
  const ValueId relu = add_activation(b, "relu", conv, "relu");
  const ValueId second =
      add_convolution(b, "second", relu, random_tensor({1, 4, 5, 1, 1}, 4, -1, 1), {}, convolution(2));
  const ValueId bent = add_activation(b, "bent", second, "sigmoid");
  b.output(add_convolution(b, "third", bent, random_tensor({1, 2, 4, 1, 1}, 5, -1, 1), {}, convolution(2)));
  return b.finish();
}

Samples samples_for(const Graph& graph, std::size_t count) {
  Samples samples;
  for (std::size_t s = 0; s < count; ++s) {
    samples.emplace_back();
    for (const ValueId id : graph.inputs)
      samples.back().push_back(tailed(graph.value(id).shape, 100 * s + id));
  }
  return samples;
}

CalibrationOptions with_method(const char* method, const char* activations = "asymmetric") {
  CalibrationOptions options;
  options.method = method;
  options.activations = activations;
  return options;
}

/// All numbers that a value takes over the samples, in float.
std::map<std::string, std::vector<float>> values_of(const Graph& graph, const Samples& samples) {
  std::map<std::string, std::vector<float>> all;
  Session session(Program::compile(graph, options_for(available_isas().back())), 1);
  for (const auto& sample : samples) {
    feed(session, sample);
    Recorder seen;
    session.run(seen);
    for (ValueId id = 0; id < session.program().graph().value_count(); ++id)
      if (const std::string& name = session.program().graph().value(id).name; seen.has(name))
        if (const auto& v = seen.at(name); all[name].size() < v.size() * samples.size())
          all[name].insert(all[name].end(), v.begin(), v.end());
  }
  return all;
}

double mean_squared_error(const std::vector<float>& values, const QuantizationRange& range) {
  const double scale = (static_cast<double>(range.high) - static_cast<double>(range.low)) / 255;
  double sum = 0;
  for (const float v : values) {
    const double x = std::fmin(std::fmax(static_cast<double>(v), static_cast<double>(range.low)),
                               static_cast<double>(range.high));
    const double d = std::nearbyint(x / scale) * scale - static_cast<double>(v);
    sum += d * d;
  }
  return sum / static_cast<double>(values.size());
}

/// Divergence of the distribution that 256 levels over the range leave from that of the values: both on 2048 cells over all values; what
/// is clipped falls into the outermost cells of the range for the one, and is lost for the other.
double divergence(const std::vector<float>& values, const QuantizationRange& range) {
  constexpr std::size_t cells = 2048, levels = 256;
  double low = 0, high = 0;
  for (const float v : values)
    low = std::fmin(low, static_cast<double>(v)), high = std::fmax(high, static_cast<double>(v));
  const auto cell = [&](double x) {
    return std::min(cells - 1,
                    static_cast<std::size_t>((x - low) / (high - low) * static_cast<double>(cells)));
  };
  const std::size_t first = cell(std::fmax(low, static_cast<double>(range.low))),
                    last = cell(std::fmin(high, static_cast<double>(range.high)));
  std::vector<double> p(cells, 0.0), inside(cells, 0.0);
  for (const float v : values) {
    if (v == 0) continue;
    const std::size_t own = cell(static_cast<double>(v));
    p[std::clamp(own, first, last)] += 1;
    if (own >= first && own <= last) inside[own] += 1;
  }
  const std::size_t span = last - first + 1;
  std::vector<double> q(cells, 0.0);
  double total_p = 0, total_q = 0;
  for (std::size_t g = 0; g < levels; ++g) {
    const std::size_t from = first + span * g / levels, to = first + span * (g + 1) / levels;
    double mass = 0, occupied = 0;
    for (std::size_t i = from; i < to; ++i) mass += inside[i], occupied += p[i] > 0;
    for (std::size_t i = from; i < to; ++i)
      if (p[i] > 0) q[i] = std::fmax(mass / occupied, 1e-3);
  }
  for (std::size_t i = 0; i < cells; ++i) total_p += p[i], total_q += q[i];
  double sum = 0;
  for (std::size_t i = 0; i < cells; ++i)
    if (p[i] > 0) sum += p[i] / total_p * std::log((p[i] / total_p) / (q[i] / total_q));
  return sum;
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("the result does not depend on order, threads or instruction set", "[calibrate]") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    const RandomNetwork network(seed, {.layers = 12, .fake_quantize = seed % 3 == 0});
    const Samples samples = samples_for(network.graph, 7);
    const Samples reversed(samples.rbegin(), samples.rend());
    CalibrationOptions options = with_method(kMethods[seed % 4], seed % 2 == 0 ? "symmetric" : "asymmetric");
    options.per_channel_weights = seed % 3 != 1;
    options.threads = 1;
    const CalibrationResult expected = calibrated(network.graph, samples, options);
    CHECK(expected.samples ==
          7 * static_cast<std::uint64_t>(network.graph.value(network.graph.inputs[0]).shape[0]));
    REQUIRE_FALSE(expected.annotation.activations.empty());
    REQUIRE_FALSE(expected.annotation.weights.empty());
    CHECK(same_annotation(calibrated(network.graph, reversed, options).annotation, expected.annotation));
    for (const int threads : {2, 3, 20}) {
      options.threads = threads;
      CHECK(same_annotation(calibrated(network.graph, samples, options).annotation, expected.annotation));
    }
    for (const Isa isa : available_isas()) {
      INFO(to_string(isa));
      const UsedIsa used(isa);
      CHECK(same_annotation(calibrated(network.graph, reversed, options).annotation, expected.annotation));
    }
    // Other samples give another result, so the comparison can fail.
    const Samples fewer(samples.begin(), samples.begin() + 3);
    CHECK_FALSE(same_annotation(calibrated(network.graph, fewer, options).annotation, expected.annotation));
  }
}

TEST_CASE("the result does not depend on the batch", "[calibrate]") {
  const Samples single = samples_for(chain(), 6);
  Samples batches;
  for (std::size_t s = 0; s < single.size(); s += 3) {
    Tensor t{{3, 3, 16, 16}, {}};
    for (std::size_t k = 0; k < 3; ++k)
      t.data.insert(t.data.end(), single[s + k][0].data.begin(), single[s + k][0].data.end());
    batches.push_back({t});
  }
  std::vector<std::string> methods(std::begin(kMethods), std::end(kMethods));
  // Those that look at images would see a batch as one.
  for (const char* method : {"mean-minmax", "moving-average", "image-percentile"}) methods.push_back(method);
  for (const std::string& method : methods) {
    INFO(method);
    CHECK(same_annotation(calibrated(chain(3), batches, with_method(method.c_str())).annotation,
                          calibrated(chain(), single, with_method(method.c_str())).annotation));
  }
}

TEST_CASE("the extremes that are recorded are those of the values", "[calibrate]") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    const RandomNetwork network(seed);
    const Samples samples = samples_for(network.graph, 4);
    const auto values = values_of(network.graph, samples);
    const CalibrationResult result = calibrated(network.graph, samples, with_method("minmax"));
    REQUIRE(result.values.size() == result.annotation.activations.size());
    for (std::size_t i = 0; i < result.values.size(); ++i) {
      const auto& activation = result.annotation.activations[i];
      INFO(activation.value);
      const std::vector<float>& seen = values.at(activation.value);
      const Shape& shape = network.graph.value(network.graph.find_value(activation.value)).shape;
      const auto channels = static_cast<std::size_t>(shape[1]);
      const std::size_t plane = static_cast<std::size_t>(element_count(shape) / shape[0]) / channels;
      std::vector<float> low(channels, INFINITY), high(channels, -INFINITY);
      for (std::size_t e = 0; e < seen.size(); ++e) {
        low[e / plane % channels] = std::min(low[e / plane % channels], seen[e]);
        high[e / plane % channels] = std::max(high[e / plane % channels], seen[e]);
      }
      CHECK(activation.channel_min == low);
      CHECK(activation.channel_max == high);
      CHECK(result.values[i].value == activation.value);
      CHECK(result.values[i].observed_min == *std::min_element(low.begin(), low.end()));
      CHECK(result.values[i].observed_max == *std::max_element(high.begin(), high.end()));
      // The range holds them all, but for the half step by which zero was moved onto a level.
      REQUIRE(activation.range.size() == 1);
      const QuantizationRange range = activation.range[0];
      const float step = (range.high - range.low) / 255;
      CHECK(range.low <= result.values[i].observed_min + step);
      CHECK(range.high >= result.values[i].observed_max - step);
      CHECK((range.low <= 0 && range.high >= 0));
      CHECK((result.values[i].nan_count == 0 && result.values[i].inf_count == 0));
    }
  }
}

TEST_CASE("every method's limits lie inside the extremes and keep what it promises", "[calibrate]") {
  const Graph graph = chain();
  const Samples samples = samples_for(graph, 40);
  const auto values = values_of(graph, samples);
  for (const char* activations : {"asymmetric", "symmetric"}) {
    const ir::Annotation minmax = calibrated(graph, samples, with_method("minmax", activations)).annotation;
    REQUIRE(minmax.activations.size() == 4);
    std::size_t narrower = 0;
    for (const std::string method : {"percentile", "kl", "mse"}) {
      const ir::Annotation chosen =
          calibrated(graph, samples, with_method(method.c_str(), activations)).annotation;
      for (const auto& activation : chosen.activations) {
        INFO(method << " " << activations << " " << activation.value);
        const QuantizationRange range = activation.range[0],
                                full = find_activation(minmax, activation.value)->range[0];
        const std::vector<float>& seen = values.at(activation.value);
        const float step = (full.high - full.low) / 255;
        CHECK(range.low >= full.low - step);
        CHECK(range.high <= full.high + step);
        narrower += range.high - range.low < full.high - full.low - step;
        // Zero is exactly a level.
        const double zero = -static_cast<double>(range.low) * 255 /
                            (static_cast<double>(range.high) - static_cast<double>(range.low));
        CHECK(std::fabs(zero - std::nearbyint(zero)) < 1e-3);
        if (std::string(activations) == "symmetric" && range.low < 0)
          CHECK(range.high == Approx(-range.low * 127 / 128).epsilon(1e-5));
        if (method == "percentile") {
          const float slack = (range.high - range.low) / 255;
          const auto clipped = std::count_if(seen.begin(), seen.end(), [&](float v) {
            return v < range.low - slack || v > range.high + slack;
          });
          CHECK(static_cast<double>(clipped) <= 1e-4 * static_cast<double>(seen.size()) + 2);
        }
        if (method == "mse") CHECK(mean_squared_error(seen, range) <= mean_squared_error(seen, full) * 1.001);
        if (method == "kl") CHECK(divergence(seen, range) <= divergence(seen, full) * 1.05 + 1e-4);
      }
    }
    CHECK(narrower > 0);
  }
}

TEST_CASE("layers that are left in float by name or type run in float", "[calibrate]") {
  const Graph graph = chain();
  const Samples samples = samples_for(graph, 2);
  struct Case {
    std::vector<std::string> layers, types;
    std::vector<std::string> integer;  ///< convolutions that still run on integers
  };
  const Case cases[] = {{{}, {}, {"conv", "second", "third"}},
                        {{"second"}, {}, {"conv", "third"}},
                        {{"relu"}, {}, {"second", "third"}},
                        {{"conv", "third"}, {}, {"second"}},
                        {{}, {"Activation"}, {"conv", "second", "third"}}};
  for (const Case& c : cases) {
    CalibrationOptions options;
    options.ignore_layers = c.layers;
    options.ignore_types = c.types;
    const CalibrationResult result = calibrated(graph, samples, options);
    std::vector<std::string> weights;
    for (const auto& w : result.annotation.weights) weights.push_back(w.layer);
    CHECK(weights == c.integer);
    const auto program =
        Program::compile(annotated(graph, result.annotation), options_for(Isa::scalar, true));
    std::vector<std::string> integer;
    for (const StepInfo& step : program->steps())
      if (step.macs > 0 && step.precision == "I8")
        integer.push_back(step.name);
      else if (step.macs > 0)
        CHECK(step.reason == "kept in float by the model or the user");
      else if (!c.types.empty() && step.op == "Activation")
        CHECK(step.precision == "FP32");
    CHECK(integer == c.integer);
    if (!c.layers.empty() || !c.types.empty()) CHECK_FALSE(result.annotation.keep_float.empty());
  }
  CalibrationOptions all;
  all.ignore_types = {"Convolution"};
  CHECK_THAT(error_of([&] { calibrated(graph, samples, all); }),
             Contains("no layer of this network can run in INT8"));
}

TEST_CASE("options that fit nothing are errors", "[calibrate]") {
  const Graph graph = chain();
  const Samples samples = samples_for(graph, 1);
  CalibrationOptions layer, type;
  layer.ignore_layers = {"conv", "absent", "gone"};
  type.ignore_types = {"LSTM"};
  CHECK_THAT(error_of([&] { calibrated(graph, samples, layer); }),
             Contains("no layer 'absent' (is 'bent' meant?), 'gone';"));
  CHECK_THAT(error_of([&] { calibrated(graph, samples, type); }), Contains("no layer of type 'LSTM'"));
  CHECK_THROWS_AS(calibrated(graph, samples, with_method("best")), UsageError);
  CHECK_THROWS_AS(calibrated(graph, samples, with_method("kl", "both")), UsageError);
  CHECK(CalibrationOptions().method == default_method());
}

TEST_CASE("progress counts every sample, and stopping leaves no result", "[calibrate]") {
  const Graph graph = chain();
  const Samples samples = samples_for(graph, 9);
  for (const int threads : {1, 3}) {
    CalibrationOptions options;
    options.threads = threads;
    std::vector<std::size_t> done;
    calibrate(graph, 9, filling(samples), options, [&](std::size_t now, std::size_t all) {
      CHECK(all == 9);
      done.push_back(now);
      return true;
    });
    CHECK(done == std::vector<std::size_t>{1, 2, 3, 4, 5, 6, 7, 8, 9});
    for (const std::size_t last : {1U, 4U, 9U}) {
      std::size_t after = 0;
      CHECK_THROWS_AS(calibrate(graph, 9, filling(samples), options,
                                [&](std::size_t now, std::size_t) {
                                  after += now > last;
                                  return now < last;
                                }),
                      Cancelled);
      CHECK(after < static_cast<std::size_t>(threads));
    }
  }
}

TEST_CASE("samples that cannot be read are left out", "[calibrate]") {
  const Graph graph = chain();
  const Samples samples = samples_for(graph, 8);
  const FillInputs fill = filling(samples);
  const auto some = [&](Session& session, std::size_t index) {
    return index % 3 != 1 && fill(session, index);
  };
  const CalibrationResult result = calibrate(graph, samples.size(), some, {});
  Samples rest;
  for (std::size_t i = 0; i < samples.size(); ++i)
    if (i % 3 != 1) rest.push_back(samples[i]);
  CHECK(result.samples == rest.size());
  CHECK(same_annotation(result.annotation, calibrated(graph, rest).annotation));

  const auto none = [](Session&, std::size_t) { return false; };
  CHECK_THROWS_AS(calibrate(graph, 3, none, {}), UsageError);
  CHECK_THROWS_AS(calibrate(graph, 0, fill, {}), UsageError);
  const auto broken = [](Session&, std::size_t index) -> bool {
    throw IoError("unreadable", {"picture " + std::to_string(index), "", ""});
  };
  CHECK_THROWS_AS(calibrate(graph, 3, broken, {}), IoError);
}

TEST_CASE("a sample that leads to NaN or infinities is named, with the layer", "[calibrate]") {
  const Graph graph = chain();
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY})
    for (const int threads : {1, 3}) {
      Samples samples = samples_for(graph, 9);
      for (const std::size_t s : {7U, 4U, 5U}) samples[s][0].data[11] = bad;
      CalibrationOptions options;
      options.threads = threads;
      const std::string error = error_of([&] { calibrated(graph, samples, options); });
      CHECK_THAT(error, Contains("layer 'x'") && Contains("first for sample 4"));
      CHECK_THAT(error, Contains(std::isnan(bad) ? "computes 3 NaN and 0 infinite"
                                                 : "computes 0 NaN and 3 infinite"));
      const SampleSource named{samples.size(), filling(samples),
                               [](std::size_t index) { return "picture" + std::to_string(index) + ".png"; }};
      CHECK_THAT(error_of([&] { calibrate(graph, named, options); }), Contains("first for picture4.png"));
      CHECK_THROWS_AS(calibrated(graph, samples, options), FormatError);
    }
}

TEST_CASE("values that are always zero, and weights that are, still run", "[calibrate]") {
  for (const char* method : kMethods)
    for (const char* activations : {"asymmetric", "symmetric"}) {
      INFO(method << " " << activations);
      GraphBuilder b;
      const ValueId x = b.input("x", DType::f32, {1, 2, 4, 4});
      Tensor w = random_tensor({1, 3, 2, 1, 1}, 2);
      w.data[2] = w.data[3] = 0;
      const ValueId y = add_convolution(b, "y", x, w, {}, convolution(2));
      b.output(add_convolution(b, "z", y, random_tensor({1, 2, 3, 1, 1}, 4), {}, convolution(2)));
      const Graph graph = b.finish();
      const Tensor zeros = generate({1, 2, 4, 4}, [](const Index&) { return 0.0F; });
      const CalibrationResult result =
          calibrated(graph, {{zeros}, {zeros}}, with_method(method, activations));
      REQUIRE(result.annotation.activations.size() == 2);
      for (const auto& a : result.annotation.activations)
        CHECK((std::isfinite(a.range[0].low) && std::isfinite(a.range[0].high)));
      REQUIRE(result.annotation.weights.size() == 2);
      CHECK(result.annotation.weights[0].range[1].high == 1);
      const Outputs outputs = run_everywhere(annotated(graph, result.annotation), {zeros}, true);
      for (const float v : outputs[0]) CHECK(v == 0);
    }
}

TEST_CASE("layers that nothing depends on are neither calibrated nor in the way", "[calibrate]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 2, 4, 4});
  const ValueId y = add_convolution(b, "y", x, random_tensor({1, 3, 2, 1, 1}, 2), {}, convolution(2));
  add_convolution(b, "dead", add_activation(b, "bent", y, "relu"), random_tensor({1, 3, 3, 1, 1}, 2), {},
                  convolution(2));
  b.output(y);
  const Graph graph = b.finish();
  const CalibrationResult result = calibrated(graph, samples_for(graph, 2));
  REQUIRE(result.annotation.activations.size() == 1);
  CHECK(result.annotation.activations[0].value == "x");
  REQUIRE(result.annotation.weights.size() == 1);
  CHECK(result.annotation.weights[0].layer == "y");
}

TEST_CASE("weights get the largest magnitude of each output, or of all", "[calibrate]") {
  const Graph graph = chain();
  const Samples samples = samples_for(graph, 1);
  const Tensor w = random_tensor({1, 5, 3, 3, 3}, 2, -1, 1);
  CalibrationOptions options;
  for (const bool each : {true, false}) {
    options.per_channel_weights = each;
    const auto weights = calibrated(graph, samples, options).annotation.weights;
    REQUIRE(weights.size() == 3);
    CHECK(weights[0].layer == "conv");
    CHECK(weights[0].levels == 255);
    std::vector<float> largest(each ? 5 : 1, 0.0F);
    for (std::size_t i = 0; i < w.data.size(); ++i) {
      float& top = largest[each ? i / 27 : 0];
      top = std::max(top, std::fabs(w.data[i]));
    }
    REQUIRE(weights[0].range.size() == largest.size());
    for (std::size_t c = 0; c < largest.size(); ++c) {
      CHECK(weights[0].range[c].high == largest[c]);
      CHECK(weights[0].range[c].low == -largest[c]);
    }
  }
}

TEST_CASE("values around moving operations get one range", "[calibrate]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 2, 6, 6});
  const ValueId a = add_convolution(b, "a", x, random_tensor({1, 3, 2, 1, 1}, 2), {}, convolution(2));
  const ValueId c = add_convolution(b, "c", x, random_tensor({1, 2, 2, 1, 1}, 3, -9, 9), {}, convolution(2));
  const ValueId all = b.add1("Concat", "all", Attributes::of(ConcatAttributes{1}), {a, c});
  const ValueId pooled = b.add1("Pooling", "pooled", Attributes::of(pooling("max", 2, 2)), {all});
  b.output(add_convolution(b, "y", pooled, random_tensor({1, 2, 5, 1, 1}, 5), {}, convolution(2)));
  const Graph graph = b.finish();
  const Samples samples = samples_for(graph, 3);
  for (const char* method : kMethods) {
    const ir::Annotation annotation = calibrated(graph, samples, with_method(method)).annotation;
    const auto range = find_activation(annotation, "all")->range;
    for (const char* name : {"a", "c", "pooled"}) {
      const auto* activation = find_activation(annotation, name);
      if (activation != nullptr) CHECK(same_ranges(activation->range, range));
    }
    CHECK_FALSE(same_ranges(find_activation(annotation, "x")->range, range));
    run_everywhere(annotated(graph, annotation), samples[0], true);
  }
}
