#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/reshape.h"
#include "engine/formats/model.h"
#include "engine/formats/tables/node_names.h"

namespace refcalib::engine {

/// What a model file says about the preprocessing of an input: value = (pixel - mean) * scale.
struct StatedPreprocessing {
  std::string input;
  std::vector<float> mean;  ///< empty, one for all channels, or one for each
  float scale = 1;
  std::string origin;  ///< the file's own term
  std::string note;    ///< what could not be taken over; may be empty
};

/// A file format that models are read from.
struct ModelFormat {
  std::string_view extension;  ///< lower case, with the dot
  std::string_view title;
  /// Reads a model as a document of the Intermediate Representation. `weights`: as for load_model. A format whose layers
  /// follow from the inputs' shapes takes `shapes` into account, others leave them to ir::reshape.
  ir::Document (*read)(const std::filesystem::path& path, const std::filesystem::path& weights,
                       const ir::InputShapes& shapes);
  bool shaped;  ///< the document already has the shapes that were asked for

  /// Writes a calibrated copy of the model. `float_weights`: IR alone, see ir::compress_weights. Throws UsageError for a model that was
  /// read from another format, where the format cannot take it.
  void (*write)(const Model& model, const ir::InputShapes& shapes, const ir::Annotation& annotation,
                bool float_weights, const std::filesystem::path& target);
  /// Values that need a range beside the annotated ones; nullptr: none.
  std::vector<std::string> (*values_without_range)(const Model& model, const ir::InputShapes& shapes,
                                                   const ir::Annotation& annotation);
  /// What a model file says about preprocessing that applications have to do; nullptr: such files say nothing.
  std::vector<StatedPreprocessing> (*preprocessing)(const std::filesystem::path& path);
  /// What the file calls the nodes that compute its values; nullptr: as their values.
  std::vector<tables::NodeName> (*node_names)(const std::filesystem::path& path);
};

/// THE TABLE of formats that this build reads.
std::span<const ModelFormat> model_formats() noexcept;

/// An operator of a format whose operators are not those of the IR.
struct FormatOperator {
  std::string type, versions, integers;
};
/// The ONNX operators that this build reads; none if it reads no ONNX.
std::vector<FormatOperator> onnx_operators();
/// The Caffe layer types that this build reads, by name; none if it reads no Caffe.
std::vector<std::string> caffe_layer_types();

/// The format of a file by its extension in any case; files of unknown extension are read as IR. Throws UnsupportedError naming the
/// file for a format that this build leaves out.
const ModelFormat& model_format(const std::filesystem::path& path);

}  // namespace refcalib::engine
