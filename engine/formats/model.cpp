#include "engine/formats/model.h"

#include "engine/formats/ir/ir.h"

namespace refcalib::engine {

Model load_model(const std::filesystem::path& path, const std::filesystem::path& weights) {
  Model model;
  model.document = ir::read_document(path, weights);
  model.graph = ir::to_graph(model.document);
  return model;
}

}  // namespace refcalib::engine
