#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/ir/document.h"
#include "engine/formats/ir/reshape.h"

namespace refcalib::engine::caffe {

/// Reads a Caffe network, a .prototxt and its trained .caffemodel (`weights`, or the one of the same stem), as a document of the
/// Intermediate Representation v11. Layers keep their names; of in-place layers each has its own. The network is the one of phase TEST:
/// data layers become inputs, what only training needs is left out. BatchNorm, Scale and Bias disappear in the weights in front of them.
/// `shapes`: shapes of the inputs, where the file states none or other ones.
/// Throws IoError, FormatError, UnsupportedError or UsageError naming the file, and where there is one the layer.
ir::Document read_document(const std::filesystem::path& path, const std::filesystem::path& weights = {},
                           const ir::InputShapes& shapes = {});

/// What a file says about the preprocessing of an input: value = (pixel - mean) * scale.
struct StatedPreprocessing {
  std::string input;
  std::vector<float> mean;  ///< empty, one for all channels, or one for each
  float scale = 1;
  std::string origin;  ///< "mean_value", "mean_file NAME, mean of each channel" …
  std::string note;    ///< what could not be taken over; may be empty
};
/// The transform_param of the inputs of a .prototxt, where one changes anything. Throws as read_document.
std::vector<StatedPreprocessing> stated_preprocessing(const std::filesystem::path& path);

/// The layer types that are read, by name.
std::vector<std::string_view> supported_types();

}  // namespace refcalib::engine::caffe
