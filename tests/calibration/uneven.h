#pragma once

// A small network whose channels differ much in size, and what tests of corrections ask of networks.

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "engine/calibration/equalize.h"
#include "engine/graph/builder.h"
#include "engine/ops/activation.h"
#include "engine/ops/convolution.h"
#include "engine/passes/passes.h"
#include "tests/calibration/samples.h"

namespace refcalib_test {

/// Repeatable values between -1 and 1.
inline std::vector<float> waves(std::size_t count, float seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<float>(i) * 1.7F + seed * 12.9F);
  return values;
}

inline Attributes dense(std::int64_t pad) {
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

inline Samples samples_of(std::size_t count) {
  Samples samples;
  for (std::size_t i = 0; i < count; ++i)
    samples.push_back({Tensor{{1, 3, 10, 10}, waves(300, static_cast<float>(i + 10))}});
  return samples;
}

inline std::vector<float> answer(const Graph& graph, const Samples& samples, std::size_t index, bool int8) {
  Session session(Program::compile(graph, options_for(available_isas().back(), int8)), 1);
  std::copy(samples[index][0].data.begin(), samples[index][0].data.end(), session.input(0).begin());
  session.run();
  return {session.output(0).begin(), session.output(0).end()};
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::fabs(double{a[i]} - double{b[i]}));
  return largest;
}

inline Graph simplified(const Graph& graph) {
  Graph simple = graph;
  run_passes(simple, simplification_passes());
  return simple;
}

inline ChannelRanges ranges_of(const ir::Annotation& annotation) {
  ChannelRanges ranges;
  for (const auto& activation : annotation.activations)
    for (std::size_t c = 0; c < activation.channel_max.size(); ++c)
      ranges[activation.value].push_back(std::max(std::fabs(double{activation.channel_min[c]}),
                                                  std::fabs(double{activation.channel_max[c]})));
  return ranges;
}

}  // namespace refcalib_test
