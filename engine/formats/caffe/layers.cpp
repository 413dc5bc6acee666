#include "engine/formats/caffe/layers.h"

#include <algorithm>
#include <array>

namespace refcalib::engine::caffe {
namespace {

using Family = std::span<const LayerType> (*)() noexcept;
constexpr std::array<Family, 9> kFamilies = {weighted_types, scale_types,   activation_types,
                                             pooling_types,  eltwise_types, normalization_types,
                                             movement_types, resize_types,  detection_types};

struct Role {
  std::string_view type;
  LayerRole role;
  std::string_view activation = {};
};
constexpr Role kRoles[] = {
    {"Input", LayerRole::input},
    {"Data", LayerRole::input},
    {"ImageData", LayerRole::input},
    {"AnnotatedData", LayerRole::input},
    {"WindowData", LayerRole::input},
    {"MemoryData", LayerRole::input},
    {"DummyData", LayerRole::input},
    {"HDF5Data", LayerRole::input},
    {"SoftmaxWithLoss", LayerRole::loss_with_activation, "Softmax"},
    {"SigmoidCrossEntropyLoss", LayerRole::loss_with_activation, "Sigmoid"},
    {"Accuracy", LayerRole::dropped},
    {"ContrastiveLoss", LayerRole::dropped},
    {"DetectionEvaluate", LayerRole::dropped},
    {"EuclideanLoss", LayerRole::dropped},
    {"HDF5Output", LayerRole::dropped},
    {"HingeLoss", LayerRole::dropped},
    {"InfogainLoss", LayerRole::dropped},
    {"MultiBoxLoss", LayerRole::dropped},
    {"MultinomialLogisticLoss", LayerRole::dropped},
    {"SmoothL1Loss", LayerRole::dropped},
    {"Silence", LayerRole::silence},
};

const Role* find_role(std::string_view type) noexcept {
  const auto* const found =
      std::find_if(std::begin(kRoles), std::end(kRoles), [&](const Role& row) { return row.type == type; });
  return found == std::end(kRoles) ? nullptr : found;
}

}  // namespace

const LayerType* find_layer_type(std::string_view type) noexcept {
  for (const Family family : kFamilies)
    for (const LayerType& row : family())
      if (row.type == type) return &row;
  return nullptr;
}

std::vector<std::string_view> layer_type_names() {
  std::vector<std::string_view> names;
  for (const Family family : kFamilies)
    for (const LayerType& row : family()) names.push_back(row.type);
  for (const Role& row : kRoles) names.push_back(row.type);
  std::sort(names.begin(), names.end());
  return names;
}

LayerRole role_of(std::string_view type) noexcept {
  const Role* const found = find_role(type);
  return found == nullptr ? LayerRole::computed : found->role;
}

std::string contained_activation(std::string_view type) {
  const Role* const found = find_role(type);
  return found == nullptr ? std::string() : std::string(found->activation);
}

}  // namespace refcalib::engine::caffe
