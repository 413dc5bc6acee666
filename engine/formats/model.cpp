#include "engine/formats/model.h"

#include "engine/formats/ir/ir.h"

namespace refcalib::engine {

Model load_model(const std::filesystem::path& path, const std::filesystem::path& weights,
                 const ir::InputShapes& shapes) {
  Model model;
  model.document = ir::read_document(path, weights);
  model.graph = ir::to_graph(ir::reshape(model.document, shapes));
  return model;
}

}  // namespace refcalib::engine
