#pragma once

#include <array>
#include <string_view>

namespace refcalib_test {

/// Parts of model paths: the networks that must run from every generation of the IR in which they are at hand.
inline constexpr std::array<std::string_view, 23> required_networks = {
    "googlenet_lrn",
    "lenet/",
    "resnet8/",
    "resnet50_v15",
    "squeezenet1.1",
    "squeezenet_1_1",
    "mobilenet_v1.xml",
    "mobilenet_v2",
    "dscnn_kws",
    "mobilenet_v1_025_vww96",
    "RFB-320",
    "v11_fp32/",
    "face-detection-retail-0004",
    "person-detection-retail-0013",
    "vehicle-license-plate-detection-barrier-0106",
    "mobilenet_ssd_voc",
    "ssd_mobilenet_v1_300",
    "deeplabv3_mnv2",
    "yolo_fastest",
    "v10_fp32/single-image-super-resolution",
    "unet_tiny_resize",
    "unet_tiny_256",
    "text-image-super-resolution"};

inline bool is_required(std::string_view model) {
  for (const std::string_view part : required_networks)
    if (model.find(part) != std::string_view::npos) return true;
  return false;
}

}  // namespace refcalib_test
