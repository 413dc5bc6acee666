#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/caffe/caffe_layer.h"

namespace refcalib::engine::caffe {

/// A layer type and the function that adds what it becomes.
struct LayerType {
  std::string_view type;  ///< as Caffe spells it
  void (*read)(CaffeLayer&);
};

/// Families of layer types. A new type is one function and one row of its family's table.
std::span<const LayerType> weighted_types() noexcept;
std::span<const LayerType> scale_types() noexcept;
std::span<const LayerType> activation_types() noexcept;
std::span<const LayerType> pooling_types() noexcept;
std::span<const LayerType> eltwise_types() noexcept;
std::span<const LayerType> normalization_types() noexcept;
std::span<const LayerType> movement_types() noexcept;
std::span<const LayerType> resize_types() noexcept;
std::span<const LayerType> detection_types() noexcept;

/// The row of a type, or nullptr.
const LayerType* find_layer_type(std::string_view type) noexcept;
/// Every type that is read, by name.
std::vector<std::string_view> layer_type_names();

/// What a layer does in a network that is only run.
enum class LayerRole {
  computed,              ///< what find_layer_type knows, and unknown types
  input,                 ///< gives data
  loss_with_activation,  ///< a loss that starts with an activation: stands for that
  dropped,               ///< other losses, accuracy, files that are written
  silence,               ///< keeps what it reads from being an output
};
LayerRole role_of(std::string_view type) noexcept;
/// The type of the activation that a loss starts with; empty if there is none.
std::string contained_activation(std::string_view type);

}  // namespace refcalib::engine::caffe
