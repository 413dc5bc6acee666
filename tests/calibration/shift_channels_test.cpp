#include "engine/calibration/shift_channels.h"

#include "engine/calibration/candidates.h"
#include "tests/calibration/uneven.h"

using namespace refcalib_test;

namespace {

std::map<std::string, ChannelLimits, std::less<>> limits_of(const ir::Annotation& annotation) {
  std::map<std::string, ChannelLimits, std::less<>> limits;
  for (const auto& a : annotation.activations)
    limits[a.value] = {{a.channel_min.begin(), a.channel_min.end()},
                       {a.channel_max.begin(), a.channel_max.end()}};
  return limits;
}

}  // namespace

TEST_CASE("biases that keep channels above zero move behind the activation without a trace", "[shift]") {
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

TEST_CASE("middles of channels move into the next biases without a trace", "[shift]") {
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
