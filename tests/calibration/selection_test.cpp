// Which method, scheme and integers each value and each weight gets.

#include <algorithm>
#include <array>
#include <cmath>
#include <refcalib/threshold.hpp>

#include "engine/calibration/collect.h"
#include "engine/calibration/decide.h"
#include "engine/calibration/layer_trial.h"
#include "engine/calibration/presets.h"
#include "tests/calibration/samples.h"
#include "tests/ops/random_network.h"

using namespace refcalib_test;
using refcalib::Statistics;
using refcalib::threshold_methods;
using refcalib::ThresholdMethod;

namespace {

/// x -> conv -> relu -> second -> sigmoid -> third; rare large values in x.
Graph chain() {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 3, 16, 16});
  const ValueId conv = add_convolution(b, "conv", x, random_tensor({1, 5, 3, 3, 3}, 2, -1, 1),
                                       random_tensor({5}, 3).data, convolution(2, 1, 1));
  const ValueId relu = add_activation(b, "relu", conv, "relu");
  const ValueId second =
      add_convolution(b, "second", relu, random_tensor({1, 4, 5, 1, 1}, 4, -1, 1), {}, convolution(2));
  const ValueId bent = add_activation(b, "bent", second, "sigmoid");
  b.output(add_convolution(b, "third", bent, random_tensor({1, 2, 4, 1, 1}, 5, -1, 1), {}, convolution(2)));
  return b.finish();
}

Samples tailed_samples(std::size_t count) {
  Samples samples;
  for (std::size_t s = 0; s < count; ++s) {
    Tensor t = random_tensor({1, 3, 16, 16}, 100 * s + 7, -1, 1);
    for (float& v : t.data) v = v * v * v * v * v * 4 + v / 2;
    samples.push_back({std::move(t)});
  }
  return samples;
}

QuantizationRange range_of(const CalibrationResult& result, const std::string& value) {
  return find_activation(result.annotation, value)->range.front();
}

bool same(const QuantizationRange& a, const QuantizationRange& b) {
  return a.low == b.low && a.high == b.high;
}

bool is_power_of_two(float x) {
  int exponent = 0;
  return std::frexp(x, &exponent) == 0.5F;
}

CalibrationOptions by(const std::string& method) {
  CalibrationOptions options;
  options.method = method;
  return options;
}

}  // namespace

TEST_CASE("single layers have methods of their own", "[calibration]") {
  const Graph graph = chain();
  const Samples samples = tailed_samples(4);
  const CalibrationResult mse = calibrated(graph, samples, by("mse"));
  const CalibrationResult minmax = calibrated(graph, samples, by("minmax"));
  REQUIRE_FALSE(same(range_of(mse, "relu"), range_of(minmax, "relu")));
  // conv and relu are one layer when they run; both names stand for it.
  for (const char* pattern : {"relu", "conv", "re?u", "re:re.*", "type:Convolution"}) {
    CalibrationOptions options = by("mse");
    options.method_for = {{pattern, "minmax"}};
    const CalibrationResult mixed = calibrated(graph, samples, options);
    INFO(pattern);
    CHECK(same(range_of(mixed, "relu"), range_of(minmax, "relu")));
    CHECK(same(range_of(mixed, "x"), range_of(mse, "x")));
    for (const ValueReport& value : mixed.values)
      CHECK(value.method == (same(value.range, range_of(minmax, value.value)) ? value.method : "mse"));
  }
  CalibrationOptions last = by("mse");
  last.method_for = {{"*", "minmax"}, {"relu", "mse"}};
  const CalibrationResult ruled = calibrated(graph, samples, last);
  CHECK(same(range_of(ruled, "relu"), range_of(mse, "relu")));
  CHECK(same(range_of(ruled, "x"), range_of(minmax, "x")));
}

TEST_CASE("wrong selections are found before the data is looked at", "[calibration]") {
  const Graph graph = chain();
  const auto message_of = [&](const CalibrationOptions& options) -> std::string {
    try {
      calibrate(
          graph, 1, [](Session&, std::size_t) -> Filled { throw std::logic_error("looked at"); }, options);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "accepted";
  };
  CalibrationOptions options;
  options.method_for = {{"relv", "minmax"}};
  CHECK_THAT(message_of(options),
             Catch::Contains(std::string("relv")) && Catch::Contains(std::string("is 'relu' meant?")));
  options.method_for = {{"type:Convolutoin", "minmax"}};
  CHECK_THAT(message_of(options), Catch::Contains(std::string("is 'Convolution' meant?")));
  options.method_for = {{"relu", "minmx"}};
  CHECK_THAT(message_of(options), Catch::Contains(std::string("is 'minmax' meant?")));
  CHECK_THAT(message_of(by("kl:bins=3")), Catch::Contains(std::string("multiple of 128")));
  options = {};
  options.kl_bins = 100;
  options.method = "kl";
  CHECK_THAT(message_of(options), Catch::Contains(std::string("multiple of 128")));
  options = {};
  options.weights_method = "moving-average";
  CHECK_THAT(message_of(options), Catch::Contains(std::string("looks at images")));
  options.weights_method = "auto";
  CHECK_THAT(message_of(options), Catch::Contains(std::string("looks at images")));
  options.weights_method = "mse";
  options.target = load_target("avx2");
  CHECK_THAT(message_of(options),
             Catch::Contains(std::string("7 bits")) && Catch::Contains(std::string("cannot be clipped")));
  options = {};
  options.target = load_target("generic-npu");
  CHECK_THAT(message_of(options), Catch::Contains(std::string("has no asymmetric activations")));
  options = {};
  options.target.per_channel_weights = false;
  CHECK_THAT(message_of(options), Catch::Contains(std::string("has no per-channel scales")));
}

TEST_CASE("methods that look at images give the same for any order and number of threads", "[calibration]") {
  const Graph graph = chain();
  Samples samples = tailed_samples(9);
  for (const char* method : {"mean-minmax", "moving-average:0.3", "image-percentile:80"}) {
    CalibrationOptions options = by(method);
    options.threads = 1;
    const CalibrationResult first = calibrated(graph, samples, options);
    std::reverse(samples.begin(), samples.end());
    options.threads = 3;
    INFO(method);
    CHECK(same_annotation(first.annotation, calibrated(graph, samples, options).annotation));
    const CalibrationResult all = calibrated(graph, samples, by("minmax"));
    CHECK(range_of(first, "x").high < range_of(all, "x").high);
  }
}

TEST_CASE("a target of powers of two and signed integers", "[calibration]") {
  const Graph graph = chain();
  CalibrationOptions options;
  find_preset("performance").apply(options);
  options.target = load_target("generic-npu");
  for (const char* method : {"minmax", "mse", "kl"}) {
    options.method = method;
    const CalibrationResult result = calibrated(graph, tailed_samples(3), options);
    for (const auto& activation : result.annotation.activations) {
      const Quantization q = activation_quantization(activation.range, activation.levels);
      INFO(method << " " << activation.value << " scale " << q.scale.front());
      CHECK(is_power_of_two(q.scale.front()));
      CHECK(q.zero_point == 128);  // u8 with zero point 128 is s8 with zero point 0
    }
    for (const auto& weights : result.annotation.weights)
      for (const float scale : weight_quantization(weights.range, weights.levels).scale)
        CHECK(is_power_of_two(scale));
  }
}

TEST_CASE("a target with fewer bits never sees larger integers", "[calibration]") {
  const Graph graph = chain();
  for (const int bits : {2, 4, 7, 8}) {
    for (const bool power_of_two : {false, true}) {
      for (const bool per_channel : {false, true}) {
        CalibrationOptions options;
        options.target.weight_bits = bits;
        options.target.power_of_two_weights = power_of_two;
        options.per_channel_weights = per_channel;
        const CalibrationResult result = calibrated(graph, tailed_samples(2), options);
        const auto& own = result.annotation.weights.front();
        const Quantization q = weight_quantization(own.range, own.levels);
        const Tensor w = random_tensor({1, 5, 3, 3, 3}, 2, -1, 1);
        float largest = 0;
        for (std::size_t i = 0; i < w.data.size(); ++i)
          largest =
              std::max(largest, std::abs(std::nearbyint(w.data[i] / q.scale[q.per_channel() ? i / 27 : 0])));
        const float steps = static_cast<float>((1 << (bits - 1)) - 1);
        CHECK(largest <= steps);
        CHECK(largest >= (power_of_two ? steps / 2 - 1 : steps));
      }
    }
  }
}

TEST_CASE("weights are clipped where that lowers their error", "[calibration]") {
  GraphBuilder b;
  Tensor w = random_tensor({1, 1, 400, 3, 3}, 11, -0.05F, 0.05F);
  w.data[17] = 1.0F;
  const ValueId x = b.input("x", DType::f32, {1, 400, 4, 4});
  b.output(add_convolution(b, "conv", x, w, {}, convolution(2)));
  const Graph graph = b.finish();
  const Samples samples{{random_tensor({1, 400, 4, 4}, 12, -1, 1)}};
  const auto limit = [&](const char* method) {
    CalibrationOptions options;
    options.weights_method = method;
    return calibrated(graph, samples, options).annotation.weights.front().range.front().high;
  };
  CHECK(limit("minmax") == 1.0F);
  const float mse = limit("mse"), octav = limit("octav");
  CHECK(mse < 1.0F);
  CHECK(octav < 1.0F);
  CHECK(limit("percentile:99") < 0.2F);
  const auto error = [&](float top) {
    double sum = 0;
    for (const float v : w.data) {
      const double s = static_cast<double>(top) / 127;
      const double d = std::clamp(std::nearbyint(v / s), -127.0, 127.0) * s - static_cast<double>(v);
      sum += d * d;
    }
    return sum;
  };
  CHECK(error(mse) < error(1.0F));
}

TEST_CASE("auto takes the range whose layer output is closest", "[calibration]") {
  const Graph graph = chain();
  // One sample: nothing can be held back, so the trial is on it, too.
  const Samples samples = tailed_samples(1);
  const CalibrationResult chosen = calibrated(graph, samples, by("auto"));
  CHECK(chosen.left_out.empty());
  const Graph simplified = float_graph(graph);
  for (const char* name : {"x", "relu", "bent"}) {
    const ValueId id = simplified.find_value(name);
    const Node& reader = simplified.node(simplified.consumers(id).front());
    const auto weights = std::find_if(chosen.annotation.weights.begin(), chosen.annotation.weights.end(),
                                      [&](const auto& entry) { return entry.layer == reader.name; });
    LayerTrial trial(simplified, reader, weights->range, 1);
    Session session(Program::compile(graph, options_for(available_isas().back())), 1);
    feed(session, samples.front());
    Recorder seen;
    session.run(seen);
    RecordedValues record;
    for (const ValueId value : trial.values()) record[value] = seen.at(simplified.value(value).name);
    const std::vector<ValueId> rounded_values{id};
    const double least = trial.error(record, rounded_values, range_of(chosen, name));
    bool found = false;
    for (const ThresholdMethod& method : threshold_methods()) {
      CalibrationOptions options = by(std::string(method.name));
      const QuantizationRange range = range_of(calibrated(graph, samples, options), name);
      const double error = trial.error(record, rounded_values, range);
      INFO(name << " " << method.name << " " << error);
      CHECK(least <= error);
      if (same(range, range_of(chosen, name))) found = true;
      // Ties go to the wider range.
      if (error == least)
        CHECK(range.high - range.low <= range_of(chosen, name).high - range_of(chosen, name).low);
    }
    CHECK(found);
  }
}

TEST_CASE("auto adds up the errors of all images that were held back, and of all layers that read a value",
          "[calibration]") {
  // ncnn's search over scales reads the image by another loop's index, and TPU-MLIR judges a value by one of its readers. Each value is
  // read by two layers of which one hardly looks at the channel with the outliers.
  std::array<int, 2> told_by_image{}, told_by_reader{};
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    GraphBuilder b;
    const ValueId x = b.input("x", DType::f32, {1, 3, 12, 12});
    const auto weights = [&](std::uint64_t s, float first) {
      Tensor w = random_tensor({1, 4, 3, 1, 1}, 10 * seed + s, -1, 1);
      for (std::size_t o = 0; o < 4; ++o) w.data[3 * o] *= first;
      return w;
    };
    b.output(add_convolution(b, "loud", x, weights(1, 1), {}, convolution(2)));
    b.output(add_convolution(b, "quiet", x, weights(2, 0.002F), {}, convolution(2)));
    const Graph graph = b.finish();
    Samples samples;
    for (std::size_t s = 0; s < 20; ++s) {
      Tensor t = random_tensor({1, 3, 12, 12}, 1000 * seed + s, -1, 1);
      // Of the two images that are held back, 5 and 15, only one has outliers.
      for (std::size_t i = 0; i < 144; i += 29) t.data[i] *= s % 3 == 0 ? 12.0F : 1.0F;
      samples.push_back({std::move(t)});
    }
    REQUIRE(held_back_runs(samples.size()) == std::vector<std::size_t>{5, 15});
    Samples others;
    for (const std::size_t run : other_runs(samples.size(), held_back_runs(samples.size())))
      others.push_back(samples[run]);
    const CalibrationResult chosen = calibrated(graph, samples, by("auto"));
    const Graph simplified = float_graph(graph);
    const ValueId id = simplified.find_value("x");
    const std::vector<NodeId> readers = simplified.consumers(id);
    REQUIRE(readers.size() == 2);
    /// Errors by image, then by reader.
    const auto errors = [&](const QuantizationRange& range) {
      std::array<std::array<double, 2>, 2> found{};
      for (std::size_t image = 0; image < 2; ++image) {
        Session session(Program::compile(graph, options_for(available_isas().back())), 1);
        feed(session, samples[image == 0 ? 5 : 15]);
        Recorder seen;
        session.run(seen);
        for (std::size_t r = 0; r < 2; ++r) {
          const Node& reader = simplified.node(readers[r]);
          const auto limits = std::find_if(chosen.annotation.weights.begin(), chosen.annotation.weights.end(),
                                           [&](const auto& entry) { return entry.layer == reader.name; });
          LayerTrial trial(simplified, reader, limits->range, 1);
          RecordedValues record;
          for (const ValueId value : trial.values()) record[value] = seen.at(simplified.value(value).name);
          found[image][r] = trial.error(record, std::vector<ValueId>{id}, range);
        }
      }
      return found;
    };
    const auto own = errors(range_of(chosen, "x"));
    const auto sum = [](const auto& e) { return e[0][0] + e[0][1] + e[1][0] + e[1][1]; };
    std::array<bool, 2> image_differs{}, reader_differs{};
    for (const ThresholdMethod& method : threshold_methods()) {
      const auto other = errors(range_of(calibrated(graph, others, by(std::string(method.name))), "x"));
      INFO("seed " << seed << " " << method.name);
      CHECK(sum(own) <= sum(other) * (1 + 1e-12));
      for (std::size_t k = 0; k < 2; ++k) {
        image_differs[k] |= other[k][0] + other[k][1] < own[k][0] + own[k][1];
        reader_differs[k] |= other[0][k] + other[1][k] < own[0][k] + own[1][k];
      }
    }
    for (std::size_t k = 0; k < 2; ++k) {
      told_by_image[k] += image_differs[k];
      told_by_reader[k] += reader_differs[k];
    }
  }
  // Any one image, or any one reader, would have told otherwise for some seed.
  for (std::size_t k = 0; k < 2; ++k) {
    CHECK(told_by_image[k] > 0);
    CHECK(told_by_reader[k] > 0);
  }
}

TEST_CASE("auto is the same for any number of threads and needs data", "[calibration]") {
  const Graph graph = chain();
  const Samples samples = tailed_samples(20);
  CalibrationOptions options = by("auto");
  options.threads = 1;
  const CalibrationResult one = calibrated(graph, samples, options);
  options.threads = 3;
  CHECK(same_annotation(one.annotation, calibrated(graph, samples, options).annotation));
  // An eighth of 20 is held back: 2 runs.
  CHECK(held_back_runs(20) == std::vector<std::size_t>{5, 15});
  CHECK(one.samples == 18);
  for (const ValueReport& value : one.values)
    CHECK_THAT(value.method, Catch::Contains(std::string("auto: ")));

  const SampleSource source{samples.size(), filling(samples), {}};
  const Statistics statistics = collect(graph, source).statistics;
  const CalibrationPlan plan = plan_calibration(graph, options);
  const CalibrationResult without = decide(graph, plan, statistics, options, nullptr);
  CHECK(without.left_out.front() == "choosing methods by trying ('auto')");
  CHECK(same_annotation(without.annotation, calibrated(graph, samples, by(default_method())).annotation));
}

TEST_CASE("runs are held back evenly", "[calibration]") {
  CHECK(held_back_runs(0).empty());
  CHECK(held_back_runs(1).empty());
  CHECK(held_back_runs(2) == std::vector<std::size_t>{1});
  CHECK(held_back_runs(1000).size() == 16);
  for (const std::size_t runs : {2U, 3U, 8U, 17U, 100U, 1000U}) {
    const auto held_back = held_back_runs(runs), others = other_runs(runs, held_back);
    CHECK(held_back.size() + others.size() == runs);
    CHECK(held_back.back() < runs);
    CHECK_FALSE(others.empty());
  }
}
