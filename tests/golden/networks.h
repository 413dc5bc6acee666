#pragma once

#include <array>
#include <string_view>

namespace refcalib_test {

/// Parts of model paths: the networks whose bits are compared over instruction sets, threads and files, in every generation of the IR in
/// which they are at hand. The others would take minutes on the portable loops and add no operation.
inline constexpr std::array<std::string_view, 15> compared_networks = {"lenet/",
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
                                                                       "v10_fp32/face-detection-retail-0004",
                                                                       "v6/mobilenet_ssd_voc",
                                                                       "v10/unet_tiny_256",
                                                                       "v10/yolo_fastest"};

inline bool is_compared(std::string_view model) {
  for (const std::string_view part : compared_networks)
    if (model.find(part) != std::string_view::npos) return true;
  return false;
}

}  // namespace refcalib_test
