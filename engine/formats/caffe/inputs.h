#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "engine/core/shape.h"
#include "engine/formats/caffe/caffe.h"
#include "engine/formats/caffe/net.pb.h"

namespace refcalib::engine::caffe {

/// Dimensions of top `rank` of an input layer; nothing where the file leaves them open. `folder`: where a mean_file is looked for.
std::optional<Shape> input_shape(const proto::LayerParameter& layer, int rank,
                                 const std::filesystem::path& folder);

/// The preprocessing of the first top of an input layer, with the older fields of data layers; nothing if there is none.
std::optional<StatedPreprocessing> preprocessing_of(const proto::LayerParameter& layer,
                                                    const std::filesystem::path& folder);

}  // namespace refcalib::engine::caffe
