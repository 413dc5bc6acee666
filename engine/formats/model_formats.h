#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "engine/formats/ir/document.h"
#include "engine/formats/ir/reshape.h"

namespace refcalib::engine {

/// A file format that models are read from.
struct ModelFormat {
  std::string_view extension;  ///< lower case, with the dot
  std::string_view title;
  /// Reads a model as a document of the Intermediate Representation. `weights`: as for load_model. A format whose layers
  /// follow from the inputs' shapes takes `shapes` into account, others leave them to ir::reshape.
  ir::Document (*read)(const std::filesystem::path& path, const std::filesystem::path& weights,
                       const ir::InputShapes& shapes);
  bool shaped;  ///< the document already has the shapes that were asked for
};

/// THE TABLE of formats that this build reads.
std::span<const ModelFormat> model_formats() noexcept;

/// The format of a file by its extension in any case; files of unknown extension are read as IR. Throws UnsupportedError naming the
/// file for a format that this build leaves out.
const ModelFormat& model_format(const std::filesystem::path& path);

}  // namespace refcalib::engine
