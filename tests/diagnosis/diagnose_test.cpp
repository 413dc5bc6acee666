#include "engine/diagnosis/diagnose.h"

#include <cmath>
#include <random>

#include "engine/diagnosis/channel_error.h"
#include "tests/calibration/samples.h"

using namespace refcalib_test;

namespace {

/// x -> conv1 -> relu -> depthwise -> conv2 -> relu -> (left, right) -> all (concatenation) -> conv5 -> conv6
Graph network() {
  GraphBuilder b;
  const auto conv = [&](const char* name, ValueId in, std::int64_t out, std::int64_t channels, std::int64_t k,
                        std::uint64_t seed) {
    return add_convolution(b, name, in, random_tensor({1, out, channels, k, k}, seed, -1, 1),
                           random_tensor({out}, seed + 50, 0, 1).data, convolution(2, 1, k / 2));
  };
  const ValueId x = b.input("x", DType::f32, {1, 3, 12, 12});
  const ValueId relu1 = add_activation(b, "relu1", conv("conv1", x, 8, 3, 3, 1), "relu");
  const ValueId depthwise = add_convolution(b, "depthwise", relu1, random_tensor({8, 1, 1, 3, 3}, 2, 0.1F, 1),
                                            random_tensor({8}, 52, 0, 1).data, convolution(2, 1, 1));
  const ValueId relu2 = add_activation(b, "relu2", conv("conv2", depthwise, 8, 8, 1, 3), "relu");
  const ValueId left = conv("left", relu2, 6, 8, 1, 4), right = conv("right", relu2, 6, 8, 1, 5);
  const ValueId all = b.add1("Concat", "all", Attributes::of(ConcatAttributes{1}), {left, right});
  b.output(conv("conv6", conv("conv5", all, 8, 12, 3, 6), 4, 8, 1, 7));
  return b.finish();
}

Samples samples() {
  Samples all;
  for (std::uint64_t s = 0; s < 4; ++s) all.push_back({random_tensor({1, 3, 12, 12}, 900 + s, -2, 2)});
  return all;
}

Node& node_of(Graph& graph, const std::string& name) {
  for (const NodeId id : graph.order())
    if (graph.node(id).name == name) return graph.node(id);
  throw Error("the test network has no " + name);
}

/// Multiplies the elements of a constant input for which `chosen(output channel, input channel)` holds.
void scale(Graph& graph, const std::string& layer, std::size_t input, float factor,
           const std::function<bool(std::size_t, std::size_t)>& chosen) {
  Value& value = graph.value(node_of(graph, layer).inputs[input]);
  const Shape shape = value.constant.shape();
  std::vector<float> numbers = value.constant.to_floats();
  const bool weights = input == 1;
  const auto groups = static_cast<std::size_t>(weights ? shape[0] : 1),
             outputs = static_cast<std::size_t>(weights ? shape[1] : shape[0]),
             inputs = static_cast<std::size_t>(weights ? shape[2] : 1);
  const std::size_t area = numbers.size() / (groups * outputs * inputs);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::size_t row = i / area;
    if (chosen(row / inputs, row % inputs)) numbers[i] *= factor;
  }
  value.constant = Constant::f32(shape, numbers);
}

bool every(std::size_t, std::size_t) {
  return true;
}

void shift_bias(Graph& graph, const std::string& layer, float by, std::optional<std::size_t> channel = {}) {
  Value& value = graph.value(node_of(graph, layer).inputs[2]);
  std::vector<float> bias = value.constant.to_floats();
  for (std::size_t c = 0; c < bias.size(); ++c)
    if (!channel || c == *channel) bias[c] += by;
  value.constant = Constant::f32(value.constant.shape(), bias);
}

/// One way to spoil a calibrated network: before it is calibrated, and after.
struct Sabotage {
  const char* what;
  void (*before)(Graph& network);
  void (*after)(Graph& quantized);
  std::string layer, reason;
  std::optional<std::size_t> channel;
};

Quantization& quantization_of(Graph& graph, const std::string& value) {
  return *graph.value(graph.find_value(value)).quantization;
}

const std::vector<Sabotage>& sabotages() {
  static const std::vector<Sabotage> table = {
      {"one channel of the weights is 200 times as large", nullptr,
       [](Graph& g) {
         scale(g, "conv2", 1, 200, [](std::size_t o, std::size_t) { return o == 3; });
         g.value(node_of(g, "conv2").inputs[1]).quantization->scale[3] *= 200;
       },
       "conv2", "outlier channel", 3},
      {"one bias is shifted", nullptr, [](Graph& g) { shift_bias(g, "left", 20, 1); }, "left", "bias shift",
       1},
      {"all biases are shifted",
       nullptr,
       [](Graph& g) { shift_bias(g, "conv5", -30); },
       "conv5",
       "bias shift",
       {}},
      {"the weights of one channel are zero", nullptr,
       [](Graph& g) { scale(g, "right", 1, 0, [](std::size_t o, std::size_t) { return o == 2; }); }, "right",
       "dead channel", 2},
      {"the limits of a value are a tenth",
       nullptr,
       [](Graph& g) { quantization_of(g, "relu1").scale[0] *= 0.1F; },
       "conv1",
       "clipping",
       {}},
      {"the limits of a value are forty times too wide",
       nullptr,
       [](Graph& g) { quantization_of(g, "conv5").scale[0] *= 40; },
       "conv5",
       "limits too wide",
       {}},
      {"the limits of the input are a fifth",
       nullptr,
       [](Graph& g) { quantization_of(g, "x").scale[0] *= 0.2F; },
       "x",
       "clipping",
       {}},
      {"the other input of a concatenation is 200 times as large",
       [](Graph& g) {
         scale(g, "right", 1, 200, every);
         scale(g, "right", 2, 200, every);
         scale(g, "conv5", 1, 0.005F, [](std::size_t, std::size_t i) { return i >= 6; });
       },
       nullptr,
       "left",
       "shared concat scale",
       {}},
      {"a value lies far from zero",
       [](Graph& g) { shift_bias(g, "conv5", 1000); },
       nullptr,
       "conv5",
       "non-zero-centred activation",
       {}},
      {"one channel of a value is 200 times as large, and the next layer takes it back",
       [](Graph& g) {
         const auto fifth = [](std::size_t o, std::size_t) { return o == 5; };
         scale(g, "conv1", 1, 200, fifth);
         scale(g, "conv1", 2, 200, fifth);
         scale(g, "depthwise", 1, 0.005F, fifth);
       },
       nullptr, "conv1", "outlier channel", 5},
      {"the limits of weights are a fifth",
       nullptr,
       [](Graph& g) {
         for (float& s : g.value(node_of(g, "conv2").inputs[1]).quantization->scale) s *= 0.2F;
       },
       "conv2",
       "clipping",
       {}},
      {"a layer gives half as much again",
       nullptr,
       [](Graph& g) {
         scale(g, "conv5", 1, 1.5F, every);
         for (float& s : g.value(node_of(g, "conv5").inputs[1]).quantization->scale) s *= 1.5F;
       },
       "conv5",
       "wrong scale",
       {}}};
  return table;
}

/// The float network and the calibrated one, both with the sabotage.
std::pair<Graph, Graph> sabotaged(const Sabotage& sabotage) {
  Graph reference = network();
  if (sabotage.before != nullptr) sabotage.before(reference);
  CalibrationOptions options;
  options.method = "minmax";
  const ir::Annotation annotation = calibrated(reference, samples(), options).annotation;
  Graph quantized = annotated(reference, annotation);
  for (const auto& weights : annotation.weights)
    if (!weights.bias.empty()) {
      Value& bias = quantized.value(node_of(quantized, weights.layer).inputs[2]);
      bias.constant = Constant::f32(bias.constant.shape(), weights.bias);
    }
  if (sabotage.after != nullptr) sabotage.after(quantized);
  return {std::move(reference), std::move(quantized)};
}

}  // namespace

TEST_CASE("a sabotaged layer is named, with the reason and a remedy that helps", "[diagnose]") {
  const Samples data = samples();
  const SampleSource source{data.size(), filling(data), {}};
  for (const Sabotage& sabotage : sabotages()) {
    INFO(sabotage.what);
    const auto [reference, quantized] = sabotaged(sabotage);
    const Diagnosis diagnosis = diagnose(reference, quantized, source);
    REQUIRE_FALSE(diagnosis.layers.empty());
    const LayerDiagnosis& first = diagnosis.layers.front();
    INFO(first.layer << ": " << first.reason << ", " << first.detail);
    CHECK(first.layer == sabotage.layer);
    CHECK(first.reason == sabotage.reason);
    if (sabotage.channel) CHECK(first.channel == sabotage.channel);
    CHECK(first.share > 0.3);
    REQUIRE_FALSE(first.trials.empty());
    CHECK(first.trials.front().gain_db > 1);
    for (std::size_t i = 1; i < first.trials.size(); ++i)
      CHECK(first.trials[i].gain_db <= first.trials[i - 1].gain_db);
    // What is simulated is what runs.
    CHECK(diagnosis.simulated_sqnr_db == Approx(diagnosis.output_sqnr_db).margin(1.5));
  }
}

TEST_CASE("a network without sabotage has no layer that stands out", "[diagnose]") {
  const Samples data = samples();
  const SampleSource source{data.size(), filling(data), {}};
  const Graph reference = network();
  const Graph quantized = annotated(reference, calibrated(reference, data).annotation);
  DiagnoseOptions options;
  options.threads = 1;
  const Diagnosis diagnosis = diagnose(reference, quantized, source, options);
  CHECK(diagnosis.samples == 4);
  CHECK(diagnosis.output_sqnr_db > 25);
  CHECK(diagnosis.layers.size() == 8);  // x and seven convolutions
  double shares = 0;
  std::size_t explained = 0;
  for (const LayerDiagnosis& layer : diagnosis.layers) {
    shares += layer.share;
    explained += !layer.reason.empty();
    CHECK(layer.isolated_sqnr_db > 20);
    CHECK(layer.output_sqnr_db > 20);
    CHECK(layer.elements > 0);
    CHECK(layer.reason != "dead channel");
    if (layer.layer != "conv6") CHECK(layer.cumulative_sqnr_db > 20);
  }
  CHECK(shares == Approx(1));
  CHECK(explained == 5);
  // The same for any number of threads.
  options.threads = 3;
  const Diagnosis again = diagnose(reference, quantized, source, options);
  for (std::size_t i = 0; i < again.layers.size(); ++i) {
    CHECK(again.layers[i].layer == diagnosis.layers[i].layer);
    CHECK(again.layers[i].output_sqnr_db == diagnosis.layers[i].output_sqnr_db);
    CHECK(again.layers[i].reason == diagnosis.layers[i].reason);
  }
}

TEST_CASE("what cannot be diagnosed is an error", "[diagnose]") {
  const Samples data = samples();
  const SampleSource source{data.size(), filling(data), {}};
  const Graph reference = network();
  CHECK_THROWS_WITH(diagnose(reference, reference, source),
                    Contains("nothing in the second model is quantized"));
  const Graph quantized = annotated(reference, calibrated(reference, data).annotation);
  const SampleSource none{3, [](Session&, std::size_t) { return false; }, {}};
  CHECK_THROWS_WITH(diagnose(reference, quantized, none), Contains("not one sample"));
  CHECK_THROWS_AS(
      diagnose(reference, quantized, source, {}, [](std::size_t done, std::size_t) { return done < 3; }),
      Cancelled);
  GraphBuilder b;
  b.output(add_activation(b, "y", b.input("other", DType::f32, {1, 3, 12, 12}), "relu"));
  CHECK_THROWS_WITH(diagnose(b.finish(), quantized, source), Contains("the two models differ"));
}

TEST_CASE("channel errors are what a naive loop finds", "[diagnose]") {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(1, 2);
  ValueError error;
  error.channels.resize(3);
  std::vector<float> reference(2 * 3 * 50), other(reference.size());
  for (std::size_t i = 0; i < reference.size(); ++i) {
    reference[i] = normal(random);
    other[i] = i / 50 % 3 == 1 ? 2 * reference[i] + 3 : reference[i];
  }
  error.add(reference, other, 50);
  double signal = 0, noise = 0, shift = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    signal += std::pow(static_cast<double>(reference[i]), 2);
    noise += std::pow(static_cast<double>(other[i]) - static_cast<double>(reference[i]), 2);
    if (i / 50 % 3 == 1) shift += (static_cast<double>(other[i]) - static_cast<double>(reference[i])) / 100;
  }
  CHECK(error.sqnr_db() == Approx(10 * std::log10(signal / noise)));
  CHECK(error.channels[1].gain() == Approx(2));
  CHECK(error.channels[0].gain() == Approx(1));
  CHECK(error.channels[1].mean_shift() == Approx(shift));
  CHECK(error.channels[0].error_squares == 0);
  CHECK(decibels(1, 0) == HUGE_VAL);
  CHECK(decibels(0, 1) == -HUGE_VAL);
}
