#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/ops/activation.h"
#include "engine/ops/op.h"

namespace refcalib::engine {

/// Which output channel each element of a weight constant belongs to: in memory order the constant is [groups][middle][outputs][inner], and
/// element (g, m, o, i) belongs to channel g * outputs + o.
struct WeightChannels {
  std::int64_t groups = 1, middle = 1, outputs = 1, inner = 1;

  std::size_t count() const noexcept { return static_cast<std::size_t>(groups * outputs); }
  std::size_t of(std::size_t element) const noexcept {
    const auto i = static_cast<std::int64_t>(element) / inner;
    return static_cast<std::size_t>(i / (outputs * middle) * outputs + i % outputs);
  }
  friend bool operator==(const WeightChannels&, const WeightChannels&) = default;
};

/// What passes, calibration and writers know of an operation with weights in input 1 and, optionally, a bias in input 2.
struct WeightedTraits {
  WeightChannels (*channels)(const Attributes&, const Shape& weights) = nullptr;
  /// A convolution: its output [N, C, spatial…] has the channels in dimension 1, and it can add a residual (input 3) in front of the
  /// activation. Otherwise a matrix product, with the channels in the last dimension.
  bool spatial = true;
  /// The 2019 engines ran the operation in integers, so a file with nothing but their statistics means that.
  bool in_legacy_int8 = false;
  FusedActivation (*activation)(const Attributes&) = nullptr;
  void (*set_activation)(Attributes&, const FusedActivation&) = nullptr;
  bool (*residual)(const Attributes&) = nullptr;  ///< nullptr: never
  void (*set_residual)(Attributes&) = nullptr;

  /// The dimension of an output of this rank that counts channels.
  std::size_t channel_axis(std::size_t rank) const noexcept { return spatial ? 1 : rank == 0 ? 0 : rank - 1; }
  bool has_residual(const Attributes& a) const { return residual != nullptr && residual(a); }
};

/// The traits of a node's operation, or nullptr.
const WeightedTraits* weighted_traits(const Node& node) noexcept;

/// True for a convolution, transposed or not, of every channel by itself: per-channel input scales are possible there.
bool is_depthwise(const Graph& graph, const Node& node);

/// Output channels of the constant weights of a node with traits.
WeightChannels weight_channels_of(const Graph& graph, const Node& node);

/// Accessors of attributes `A` that hold `activation`, and of those that hold `residual`.
template <class A>
FusedActivation activation_of(const Attributes& attributes) {
  return attributes.as<A>().activation;
}
template <class A>
void set_activation_of(Attributes& attributes, const FusedActivation& activation) {
  attributes.edit<A>([&](A& a) { a.activation = activation; });
}
template <class A>
bool residual_of(const Attributes& attributes) {
  return attributes.as<A>().residual;
}
template <class A>
void set_residual_of(Attributes& attributes) {
  attributes.edit<A>([](A& a) { a.residual = true; });
}

}  // namespace refcalib::engine
