#pragma once

#include <filesystem>

#include "engine/formats/ir/document.h"
#include "engine/formats/ir/reshape.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// A model as applications handle it: the graph that runs, and the document that a calibrated copy is written
/// from.
struct Model {
  ir::Document document;
  Graph graph;
};

/// Reads a model. `weights` names the weights file; empty: the one that belongs to the path. Throws IoError,
/// FormatError or UnsupportedError, each naming the file.
/// `shapes`: other input shapes than the file states, for the graph; the document stays as the file has it.
Model load_model(const std::filesystem::path& path, const std::filesystem::path& weights = {},
                 const ir::InputShapes& shapes = {});

}  // namespace refcalib::engine
